internal import CMnl
internal import Glibc

/// Changes to nftables that take effect all together or not at all, however many messages they
/// take: the kernel carries them out within one `sendmsg`, which nothing can end half-way.
package struct NetfilterBatch: Sendable {
    /// nftables within nfnetlink (`NFNL_SUBSYS_NFTABLES`), as it stands in a message's type.
    package static let subsystem: UInt16 = 10 << 8

    private var steps: [(request: NetlinkRequest, doing: String)] = []

    /// Begins a batch without changes.
    package init() {}

    /// Whether it changes nothing.
    package var isEmpty: Bool { steps.isEmpty }

    /// Adds a change. `doing` says what it does, as the end of "could not …".
    package mutating func add(_ request: NetlinkRequest, doing: String) {
        steps.append((request, doing))
    }

    /// The batch as it is sent: from sequence `first` on, the last change acknowledged.
    ///
    /// With a generation it is for that one only: the kernel refuses it with ERESTART once anything
    /// else was changed.
    func bytes(from first: UInt32, generation: UInt32?) throws(NetlinkError) -> [UInt8] {
        var begin = Self.edge(UInt16(NFNL_MSG_BATCH_BEGIN))
        if let generation {
            try begin.add(UInt16(NFNL_BATCH_GENID.rawValue), bigEndian: generation)
        }
        let messages = [begin] + steps.map(\.request) + [Self.edge(UInt16(NFNL_MSG_BATCH_END))]
        var bytes: [UInt8] = []
        bytes.reserveCapacity(messages.reduce(0) { $0 + $1.bytes.count })
        for (index, message) in messages.enumerated() {
            var stamped = message
            let flags = index == steps.count ? NLM_F_ACK : 0
            stamped.stamp(sequence: first &+ UInt32(index), flags: flags)
            bytes += stamped.bytes
        }
        return bytes
    }

    private static func edge(_ type: UInt16) -> NetlinkRequest {
        let subsystem = UInt8(Self.subsystem >> 8)
        return NetlinkRequest(type: type, answerType: type, fixed: [0, 0, 0, subsystem])
    }

    /// How many sequence numbers it takes.
    var count: Int { steps.count + 2 }

    /// What the message of that place in the batch does.
    func doing(at place: Int) -> String? {
        steps.indices.contains(place - 1) ? steps[place - 1].doing : nil
    }
}

/// What has come of the answers to a batch. Pure, so that any bytes can be tried on it.
struct BatchAnswer {
    let first: UInt32
    let count: Int
    let port: UInt32
    private(set) var isComplete = false
    /// The first change that was refused, and why.
    private(set) var refusal: (place: Int, verdict: Verdict)?

    init(first: UInt32, count: Int, port: UInt32) {
        self.first = first
        self.count = count
        self.port = port
    }

    /// Takes a datagram. An error of the batch as a whole comes under the number of its beginning.
    mutating func take(_ bytes: RawSpan) throws(NetlinkError) {
        var walk = MessageWalk()
        while let message = try walk.next(in: bytes) {
            let place = Int(message.sequence &- first)
            guard message.port == port, place < count,
                let verdict = try Verdict.decode(message, in: bytes)
            else { continue }
            if verdict.number != 0, refusal == nil { refusal = (place, verdict) }
            if place == 0 || place >= count - 2 { isComplete = true }
        }
    }
}

extension NetlinkSocket {
    /// Carries a batch out, whole or not at all. Where `generation` is not that of the rules any
    /// more it throws ERESTART: look again and make the batch anew.
    package mutating func commit(
        _ batch: NetfilterBatch, generation: UInt32?, doing: String
    ) throws(NetlinkError) {
        guard !batch.isEmpty else { return }
        let first = takeSequence(batch.count)
        let bytes = try batch.bytes(from: first, generation: generation)
        try makeRoom(toSend: bytes.count, doing)
        try sendWhole(bytes, doing)
        var answer = BatchAnswer(first: first, count: batch.count, port: port)
        // The kernel has done it before the send returns: all that it says is there.
        defer { drain() }
        while !answer.isComplete {
            try receive(doing) { (bytes) throws(NetlinkError) in try answer.take(bytes) }
        }
        guard let (place, verdict) = answer.refusal else { return }
        let step = batch.doing(at: place).map { "\(doing): \($0)" } ?? doing
        throw .system(verdict.number, doing: step, message: verdict.text)
    }
}
