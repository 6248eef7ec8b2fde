import AgentProtocol

/// Whether batches of a ledger are missing here, as after a restore from an old backup.
enum Gap: Int64 {
    case none = 0
    /// A batch left one, or the agent's newest is ahead of what was applied.
    case found = 1
    /// Catch-up batches are being applied; the one that says `complete` closes it.
    case closing = 2
}

/// What a push finds of its ledger and server, and what it changes of them.
struct PushState {
    private let call: AgentCall
    private let held: AgentRecord
    private let outcomeNumber: Int64
    private(set) var standing: Standing
    /// Whether this server's usage was lost here, and its desired state is known again.
    let isRecovering: Bool
    let revision: Int64
    let ticketAsked: Int64
    var applied: Int64
    var appliedDigest: [UInt8]
    var gap: Gap
    /// The newest bucket's end when the gap was found: what is caught up lies after it.
    var gapSince: Int64
    var ticketAnswered: Int64
    var lastReading: Int64
    var times: BucketTimes

    /// Reads what is held; throws `diverged` for a ledger or server that is closed.
    init(_ push: DecodedPush, _ session: any Session) throws {
        let row = try session.first(
            IngestStatements.state, [.bytes(push.call.ledger), .integer(push.call.server)])
        guard let row else { throw Store.otherLedger }
        gap = Gap(rawValue: row.integer(0)) ?? .found
        gapSince = row.integer(1)
        revision = row.integer(2)
        ticketAsked = row.integer(3)
        ticketAnswered = row.integer(4)
        lastReading = row.integer(5)
        times = BucketTimes(
            correction: push.correction, last: max(row.integer(6), row.integer(7)),
            reading: WireClock(row, at: 8))
        outcomeNumber = row.integer(11)
        isRecovering = row.integer(12) != 0 && !row.flag(13)
        held = AgentRecord(row, at: 14)
        call = push.call
        standing = try Store.standing(call, held)
        (applied, appliedDigest) = (held.applied.sequence, held.applied.digest)
    }

    /// Before what no bucket of a batch can lie; nil for the last one that was booked.
    func earliest(for batch: WireBatch) -> Int64? {
        batch.hasCatchUp ? gapSince : nil
    }

    /// Notes that batches are missing.
    mutating func noteGap(_ found: Gap) {
        if gap == .none { gapSince = times.last }
        gap = max(gap, found)
    }

    /// Notes that a batch was applied.
    mutating func noteApplied(_ batch: DecodedBatch, _ sequence: Int64) {
        (applied, appliedDigest) = (sequence, batch.digest)
        // Whoever continues the chain is the one that goes on.
        if standing == .unproven { standing = .succeeds }
        lastReading = max(lastReading, times.newest)
        let ticket = min(Int64(clamping: batch.batch.ticket), ticketAsked)
        if ticket > ticketAnswered {
            // Everything was read after the ticket was asked for, though nothing had changed.
            ticketAnswered = ticket
            lastReading = times.correction.receivedAt
        }
        if batch.batch.hasCatchUp { gap = batch.batch.catchUp.complete ? .none : .closing }
    }

    /// Whether nothing that the ledger has made is missing here any more.
    var isCaughtUp: Bool {
        gap == .none && (call.newest?.sequence ?? 0) <= applied
    }

    /// Writes down what has changed.
    mutating func write(_ session: any Session) throws {
        if gap == .found, let newest = call.newest, newest.sequence <= applied { gap = .none }
        let isNew = standing == .succeeds
        try session.execute(
            IngestStatements.ledger,
            [
                .integer(applied), .bytes(appliedDigest), .integer(gap.rawValue),
                .integer(gapSince), .integer(isNew ? call.start : held.start),
                .bytes(isNew ? call.instance : held.instance), .bytes(call.ledger),
            ])
        let correction = times.correction
        try session.execute(
            IngestStatements.server,
            [
                .integer(correction.receivedAt), .integer(times.last),
                .integer(ticketAnswered), .integer(correction.offset ?? 0),
                .flag(correction.offset != nil), .integer(lastReading),
                .integer(times.reading?.wall ?? 0),
                .bytes(times.reading.map { [UInt8]($0.boot) } ?? []),
                .clamped(times.reading?.boottime ?? 0), .integer(isNew ? 0 : outcomeNumber),
                .integer(call.server),
            ])
    }
}

extension Gap: Comparable {
    static func < (first: Gap, second: Gap) -> Bool { first.rawValue < second.rawValue }
}
