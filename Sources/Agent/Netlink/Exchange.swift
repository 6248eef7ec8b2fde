internal import CMnl
internal import Glibc

extension NetlinkSocket {
    /// Tries at an interrupted dump before it is given up.
    static let dumpTries = 3

    /// Sends `request` and waits until the kernel acknowledges it.
    package mutating func send(
        _ request: NetlinkRequest, doing: String
    ) throws(NetlinkError) {
        var nothing: Void = ()
        _ = try exchange(request, flags: NLM_F_ACK, doing, &nothing) { _, _ in }
    }

    /// Sends `request` and collects its answer with `each`, which gets the payload of every
    /// message of the answer's type.
    package mutating func get<Value>(
        _ request: NetlinkRequest, doing: String, into initial: Value,
        each: (inout Value, RawSpan) throws(NetlinkError) -> Void
    ) throws(NetlinkError) -> Value {
        var value = initial
        _ = try exchange(request, flags: NLM_F_ACK, doing, &value, each)
        return value
    }

    /// Dumps, all or nothing: a dump that the kernel says was interrupted is thrown away and
    /// redone from `initial`; `interrupted` is thrown when that has happened three times.
    package mutating func dump<Value>(
        _ request: NetlinkRequest, doing: String, into initial: @autoclosure () -> Value,
        each: (inout Value, RawSpan) throws(NetlinkError) -> Void
    ) throws(NetlinkError) -> Value {
        for _ in 1...Self.dumpTries {
            // Made for each try, so that nobody else holds what it grows in.
            var value = initial()
            do throws(NetlinkError) {
                let interrupted = try exchange(request, flags: NLM_F_DUMP, doing, &value, each)
                if !interrupted { return value }
            } catch {
                // EBUSY: an earlier dump on this socket was given up half-way; it is drained now.
                guard error.errno == EINTR || error.errno == EBUSY else { throw error }
            }
        }
        throw NetlinkError(
            .interrupted, doing: doing,
            reason: "it changed while it was read, \(Self.dumpTries) times in a row")
    }

    /// One request and everything that answers it. Returns whether the dump was interrupted.
    mutating func exchange<Value>(
        _ request: NetlinkRequest, flags: Int32, _ doing: String, _ value: inout Value,
        _ each: (inout Value, RawSpan) throws(NetlinkError) -> Void
    ) throws(NetlinkError) -> Bool {
        try send(request, flags: flags, doing)
        var answer = Answer(
            type: request.answerType, sequence: sequence, port: port, doing: doing)
        do throws(NetlinkError) {
            while !answer.isComplete {
                try receive(doing) { (bytes) throws(NetlinkError) in
                    try answer.take(bytes, &value, each)
                }
            }
        } catch {
            drain()
            throw error
        }
        return answer.isInterrupted
    }
}

/// What has come of the answer to one request. Pure, so that any bytes can be tried on it.
struct Answer {
    let type: UInt16
    let sequence: UInt32
    let port: UInt32
    let doing: String
    private(set) var isComplete = false
    private(set) var isInterrupted = false

    init(type: UInt16, sequence: UInt32, port: UInt32, doing: String) {
        self.type = type
        self.sequence = sequence
        self.port = port
        self.doing = doing
    }

    /// Takes a datagram. Messages of an earlier exchange are passed over.
    mutating func take<Value>(
        _ bytes: RawSpan, _ value: inout Value,
        _ each: (inout Value, RawSpan) throws(NetlinkError) -> Void
    ) throws(NetlinkError) {
        var walk = MessageWalk()
        while let message = try walk.next(in: bytes) {
            guard message.sequence == sequence, message.port == port, !isComplete else { continue }
            if message.isInterrupted { isInterrupted = true }
            if let verdict = try Verdict.decode(message, in: bytes) {
                try end(verdict)
            } else if message.type == type, !isInterrupted {
                try each(&value, bytes.extracting(message.payload))
            }
        }
    }

    private mutating func end(_ verdict: Verdict) throws(NetlinkError) {
        guard verdict.number == 0 else {
            throw .system(verdict.number, doing: doing, message: verdict.text)
        }
        isComplete = true
    }
}
