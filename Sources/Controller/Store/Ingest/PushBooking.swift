import AgentProtocol

/// Books a push within a transaction.
struct PushBooking {
    private let push: DecodedPush
    private let hours: HourGrid
    private let session: any Session
    private let hasSavepoints: Bool
    private var state: PushState
    /// Whether a gap was closed by the last of its catch-up batches.
    private var hasCompleted = false
    /// Whether a batch names credentials that are not this server's.
    private var lacksCredentials = false

    /// How many of a ledger's newest batches are remembered by their digests.
    private static let remembered: Int64 = 64

    /// Books what continues the ledger. A batch that does not is the push's own failure: those
    /// before it, and other agents' pushes, hold. Throws only what fails the whole transaction; what
    /// the store refuses is that, too, where no savepoints let it be put aside.
    static func book(
        _ push: DecodedPush, _ hours: HourGrid, _ session: any Session,
        withSavepoints: Bool = false
    ) throws -> Result<PushReceipt, any Error> {
        do {
            var booking = try PushBooking(push, hours, session, withSavepoints)
            let failure = try booking.bookBatches()
            if let failure, booking.state.standing == .unproven {
                try booking.refuse()
                return .failure(failure)
            }
            try booking.finish()
            return try failure.map { .failure($0) } ?? .success(booking.receipt())
        } catch let error as StoreError where error.code == .diverged {
            return .failure(error)
        }
    }

    private init(
        _ push: DecodedPush, _ hours: HourGrid, _ session: any Session, _ withSavepoints: Bool
    ) throws {
        (self.push, self.hours, self.session) = (push, hours, session)
        hasSavepoints = withSavepoints
        state = try PushState(push, session)
    }

    private func receipt() throws -> PushReceipt {
        let opened =
            state.isRecovering && (state.isCaughtUp || hasCompleted)
            ? try Store.endRecovery(
                of: push.call.server, now: push.correction.receivedAt, session) : nil
        return PushReceipt(
            applied: state.applied, appliedDigest: state.appliedDigest,
            revision: opened ?? state.revision, ticketAnswered: state.ticketAnswered,
            wantsKeys: lacksCredentials, hasOpened: opened != nil)
    }

    /// Books batches until one leaves a gap; returns why one diverges, or nil.
    private mutating func bookBatches() throws -> StoreError? {
        for batch in push.batches {
            guard batch.batch.ledger == .init(push.call.ledger) else { return Store.otherLedger }
            guard let sequence = Int64(exactly: batch.batch.sequence), sequence > 0 else {
                return nil
            }
            let continues = [UInt8](batch.batch.previous) == state.appliedDigest
            if sequence <= state.applied {
                guard try isRepeat(batch, sequence) else { return Self.broken(sequence) }
            } else if continues, sequence == state.applied + 1 || batch.batch.hasCatchUp {
                guard try apply(batch, sequence) else { return nil }
            } else if sequence == state.applied + 1, !batch.batch.hasCatchUp {
                return Self.broken(sequence)
            } else {
                state.noteGap(.found)
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

    /// Applies a batch; returns false, and notes a gap, where it names credentials that were lost
    /// here with what was booked of them. A catch-up comes after every key was told, so that what it
    /// names beyond them is put aside.
    private mutating func apply(_ batch: DecodedBatch, _ sequence: Int64) throws -> Bool {
        let writes = BatchWrites(call: push.call, sequence: sequence, session: session)
        let rows = batch.batch.rows.rows()
        let named = BatchWrites.credentials(rows ?? [])
        let held = try writes.held(named)
        guard held.count == named.count || batch.batch.hasCatchUp else {
            lacksCredentials = true
            state.noteGap(.found)
            return false
        }
        if batch.batch.hasCatchUp { state.noteGap(.closing) }
        func write() throws -> BucketTimes { try self.write(batch, rows, held, writes) }
        do {
            state.times = hasSavepoints ? try session.savepoint { try write() } : try write()
        } catch let error as StoreError where hasSavepoints && error.reason == "constraint" {
            // Never stuck on a batch: it is put aside whole, and totals to come close the gap.
            try writes.quarantineWhole(batch, receivedAt: push.correction.receivedAt)
        }
        state.noteApplied(batch, sequence)
        if batch.batch.catchUp.complete { hasCompleted = true }
        return true
    }

    private func write(
        _ batch: DecodedBatch, _ rows: [BatchRow]?, _ held: [HeldTotals], _ writes: BatchWrites
    ) throws -> BucketTimes {
        let plan = BatchPlan(
            batch, rows: rows, held: held, times: state.times,
            earliest: state.earliest(for: batch.batch), hours: hours)
        try writes.write(plan, of: batch, receivedAt: push.correction.receivedAt)
        return plan.times
    }

    /// Remembers a start whose batches another one has overtaken.
    private func refuse() throws {
        try session.execute(
            "UPDATE ledgers SET refused_instance = $1 WHERE id = $2",
            [.bytes(push.call.instance), .bytes(push.call.ledger)])
    }

    private mutating func finish() throws {
        try session.execute(
            IngestStatements.forgetBatches,
            [.bytes(push.call.ledger), .integer(state.applied - Self.remembered)])
        try state.write(session)
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
