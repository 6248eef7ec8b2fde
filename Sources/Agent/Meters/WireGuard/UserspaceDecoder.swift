internal import Accounting

/// Collects a daemon's answer from its bytes as they come.
struct UserspaceDecoder {
    private var reply: UserspaceReply
    private var peer: Draft?
    private var code: Int64?
    private var line = UserspaceLine()
    /// Whether the blank line that ends the answer has come.
    private(set) var isComplete = false

    /// A peer whose lines are still coming.
    struct Draft {
        var record: UserspaceRecord
        var lastHandshake: Int64 = 0
        var handshakeNanoseconds: Int64 = 0
        var received: UInt64?
        var sent: UInt64?

        /// The peer, once both of its counters have come; nil before.
        var finished: UserspaceRecord? {
            guard let received, let sent else { return nil }
            var record = record
            record.value = Traffic(uplink: received, downlink: sent)
            record.lastHandshake = HandshakeTime.seconds(
                lastHandshake, nanoseconds: handshakeNanoseconds)
            return record
        }
    }

    /// Keys that are known not to repeat.
    private let known: KeyTally

    /// Begins an answer of about as many peers as `last` had.
    init(like last: UserspaceExtent = UserspaceExtent()) {
        // A few more, so that the arrays need not grow.
        reply = UserspaceReply(expecting: last.count + last.count / 16)
        known = last.tally
    }

    /// Takes the whole lines at the start of `bytes`, at most to the end of this answer; returns
    /// how many bytes they are.
    mutating func feed(_ bytes: RawSpan, doing: String) throws(MeterError) -> Int {
        do throws(UserspaceFault) {
            return try feed(bytes)
        } catch {
            throw explain(error, doing: doing)
        }
    }

    /// The answer, once its blank line has come.
    mutating func finish(doing: String) throws(MeterError) -> UserspaceReply {
        do throws(UserspaceFault) {
            guard let code else { throw .malformed("ends it without an error number") }
            guard code == 0 else { throw .refused(code) }
            try close()
            guard !reply.hasRepeats(known: known) else {
                throw .malformed("ends it, and a public_key came twice")
            }
            return reply
        } catch {
            throw explain(error, doing: doing)
        }
    }

    /// The error for an answer in which the present line `what`.
    func malformed(_ what: String, doing: String) -> MeterError {
        MeterError(
            .malformed, doing: doing,
            reason: "line \(line.number) of the daemon's answer \(what)")
    }

    private func explain(_ fault: UserspaceFault, doing: String) -> MeterError {
        switch fault {
        case .refused(let code): .refused(code, doing: doing)
        case .malformed(let what): malformed(what, doing: doing)
        }
    }

    private mutating func feed(_ bytes: RawSpan) throws(UserspaceFault) -> Int {
        var position = 0
        while !isComplete {
            position = takeQuickly(bytes, from: position)
            guard let next = try line.advance(in: bytes, from: position) else { break }
            position = next
            if line.isBlank { isComplete = true } else { try take(in: bytes) }
        }
        return position
    }

    /// Takes the lines that daemons write for each peer, for as long as they are in the usual form.
    /// Returns where the first begins that the careful way must look at.
    private mutating func takeQuickly(_ bytes: RawSpan, from start: Int) -> Int {
        guard code == nil, var draft = peer else { return start }
        defer { peer = draft }
        return bytes.withUnsafeBytes { memory in
            guard let base = memory.baseAddress else { return start }
            var position = start
            while memory.count - position >= UserspaceQuickLine.reach {
                let length = draft.take(UserspaceQuickLine(at: base + position), into: &reply)
                guard length > 0 else { break }
                line.pass()
                position += length
            }
            return position
        }
    }

    /// Takes one line. Unknown names are skipped: newer daemons and AmneziaWG have more.
    private mutating func take(in bytes: RawSpan) throws(UserspaceFault) {
        guard code == nil else { throw .malformed("stands behind its error number") }
        let word = UserspaceWord(line, in: bytes)
        switch word {
        case .publicKey: try start(in: bytes)
        case .errno:
            guard let number = UserspaceText.signed(bytes, line.value) else {
                throw .malformed("has an error number that is none")
            }
            code = number
        case .listenPort where peer == nil:
            guard let port = UserspaceText.number(bytes, line.value, as: UInt16.self) else {
                throw .malformed("has a listen_port that is none")
            }
            reply.listenPort = port == 0 ? nil : port
        case .unknown: break
        default:
            guard peer != nil else { return }
            guard fill(word, in: bytes) else {
                throw .malformed("has a \(word.rawValue) that cannot be understood")
            }
        }
    }

    private mutating func start(in bytes: RawSpan) throws(UserspaceFault) {
        try close()
        guard let key = UserspaceText.key(bytes, line.value) else {
            throw .malformed("has a public_key that is not 64 hexadecimal digits")
        }
        peer = Draft(record: UserspaceRecord(key: key))
    }

    private mutating func close() throws(UserspaceFault) {
        guard let peer else { return }
        guard let done = peer.finished else {
            throw .malformed("ends a peer without rx_bytes and tx_bytes")
        }
        reply.add(done)
        self.peer = nil
    }

    /// Takes a value of the peer whose lines come; false where it is none.
    private mutating func fill(_ word: UserspaceWord, in bytes: RawSpan) -> Bool {
        guard var draft = peer else { return true }
        defer { peer = draft }
        let value = line.value
        switch word {
        case .presharedKey:
            guard let key = UserspaceText.key(bytes, value) else { return false }
            reply.keep(presharedKey: key, for: &draft.record)
        case .endpoint:
            guard UserspaceText.isEndpoint(bytes, value) else { return false }
            bytes.extracting(value).withUnsafeBytes {
                reply.keep(endpoint: $0, for: &draft.record)
            }
        case .handshake:
            guard let time = UserspaceText.number(bytes, value, as: Int64.self) else {
                return false
            }
            draft.lastHandshake = time
        case .handshakeNanoseconds:
            guard let time = UserspaceText.number(bytes, value, as: Int64.self) else {
                return false
            }
            draft.handshakeNanoseconds = time
        case .received:
            draft.received = UserspaceText.number(bytes, value, as: UInt64.self)
            return draft.received != nil
        case .sent:
            draft.sent = UserspaceText.number(bytes, value, as: UInt64.self)
            return draft.sent != nil
        case .keepalive:
            guard let ends = UserspaceText.range(bytes, value) else { return false }
            draft.record.keepalive = ends.first
            draft.record.longestKeepalive = ends.last > ends.first ? ends.last : 0
        case .allowedAddress:
            guard let range = UserspaceText.addressRange(bytes, value) else { return false }
            reply.keep(range, for: &draft.record)
        default: break
        }
        return true
    }
}
