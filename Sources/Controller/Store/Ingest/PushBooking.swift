import AgentProtocol

/// Books a push within a transaction.
struct PushBooking {
    private let push: DecodedPush
    private let session: any Session
    private var applied: Int64
    private var appliedDigest: [UInt8]
    private let revision: Int64
    private let ticketAsked: Int64
    private var ticketAnswered: Int64
    private var lastBucket: Int64
    private let joinedAt: Int64
    private var lastReading: Int64

    /// How many of a ledger's newest batches are remembered by their digests.
    private static let remembered: Int64 = 64

    /// Books what continues the ledger. A batch that does not is the push's own failure: those
    /// before it, and other agents' pushes, hold. Throws only what fails the whole transaction.
    static func book(
        _ push: DecodedPush, _ session: any Session
    ) throws -> Result<PushReceipt, any Error> {
        do {
            var booking = try PushBooking(push, session)
            let failure = try booking.bookBatches()
            try booking.finish()
            return failure.map { .failure($0) } ?? .success(booking.receipt)
        } catch let error as StoreError where error.code == .diverged {
            return .failure(error)
        }
    }

    private init(_ push: DecodedPush, _ session: any Session) throws {
        self.push = push
        self.session = session
        let row = try session.first(
            """
            SELECT l.applied, l.applied_digest, s.revision, s.ticket_asked, s.ticket_answered, \
            s.last_bucket, s.joined_at, s.last_reading FROM ledgers l JOIN servers s ON s.id = l.server \
            WHERE l.id = $1 AND l.server = $2 AND l.closed_at = 0 AND s.closed_at = 0
            """, [.bytes(push.call.ledger), .integer(push.call.server)])
        guard let row else { throw Store.otherLedger }
        applied = row.integer(0)
        appliedDigest = row.bytes(1)
        revision = row.integer(2)
        ticketAsked = row.integer(3)
        ticketAnswered = row.integer(4)
        lastBucket = row.integer(5)
        joinedAt = row.integer(6)
        lastReading = row.integer(7)
    }

    private var receipt: PushReceipt {
        PushReceipt(
            applied: applied, appliedDigest: appliedDigest, revision: revision,
            ticketAnswered: ticketAnswered)
    }

    /// Books batches until one leaves a gap; returns why one diverges, or nil.
    private mutating func bookBatches() throws -> StoreError? {
        for batch in push.batches {
            guard batch.batch.ledger == .init(push.call.ledger) else { return Store.otherLedger }
            guard let sequence = Int64(exactly: batch.batch.sequence), sequence > 0 else {
                return nil
            }
            if sequence <= applied {
                guard try isRepeat(batch, sequence) else { return Self.broken(sequence) }
            } else if sequence == applied + 1 {
                guard [UInt8](batch.batch.previous) == appliedDigest else {
                    return Self.broken(sequence)
                }
                try apply(batch, sequence)
            } else {
                return nil
            }
        }
        return nil
    }

    private func isRepeat(_ batch: DecodedBatch, _ sequence: Int64) throws -> Bool {
        let held = try session.first(
            "SELECT digest FROM batches WHERE ledger = $1 AND sequence = $2",
            [.bytes(push.call.ledger), .integer(sequence)])
        return held.map { $0.bytes(0) == batch.digest } ?? true
    }

    private mutating func apply(_ batch: DecodedBatch, _ sequence: Int64) throws {
        let writes = BatchWrites(call: push.call, sequence: sequence, session: session)
        do {
            lastBucket = try session.savepoint {
                let rows = batch.batch.rows.rows()
                let plan = BatchPlan(
                    batch, rows: rows, held: try writes.held(rows ?? []),
                    correction: push.correction, lastBucket: max(lastBucket, joinedAt))
                try writes.write(
                    plan, of: batch, receivedAt: push.correction.receivedAt)
                return batch.batch.buckets.isEmpty ? lastBucket : plan.lastBucket
            }
        } catch let error as StoreError where error.reason == "constraint" {
            // Never stuck on a batch: it is put aside whole, and totals to come close the gap.
            try writes.quarantineWhole(batch, receivedAt: push.correction.receivedAt)
        }
        applied = sequence
        appliedDigest = batch.digest
        lastReading = max(lastReading, lastBucket)
        let ticket = min(Int64(clamping: batch.batch.ticket), ticketAsked)
        if ticket > ticketAnswered {
            // Everything was read after the ticket was asked for, though nothing had changed.
            ticketAnswered = ticket
            lastReading = push.correction.receivedAt
        }
    }

    private func finish() throws {
        let ledger = SQLValue.bytes(push.call.ledger)
        try session.execute(
            "UPDATE ledgers SET applied = $1, applied_digest = $2 WHERE id = $3",
            [.integer(applied), .bytes(appliedDigest), ledger])
        try session.execute(
            "DELETE FROM batches WHERE ledger = $1 AND sequence <= $2",
            [ledger, .integer(applied - Self.remembered)])
        try session.execute(
            """
            UPDATE servers SET last_contact = $1, last_push = $1, last_bucket = $2, \
            ticket_answered = $3, clock_offset = $4, clock_known = $5, last_reading = $6 \
            WHERE id = $7
            """,
            [
                .integer(push.correction.receivedAt), .integer(lastBucket),
                .integer(ticketAnswered), .integer(push.correction.offset ?? 0),
                .flag(push.correction.offset != nil), .integer(lastReading),
                .integer(push.call.server),
            ])
    }

    private static func broken(_ sequence: Int64) -> StoreError {
        StoreError(
            .diverged, reason: "ledger_cloned",
            """
            batch \(sequence) does not continue what was booked of this ledger: it was cloned or \
            put back from a copy; let this host join anew with the token that \
            `tollkeeper server add NAME` prints
            """)
    }
}
