/// Commits pushes that arrive together in one durable transaction; where the store refuses something,
/// again with each batch in its own savepoint.
///
/// While one transaction is under way the next pushes gather, so the disk is waited for once.
actor IngestQueue {
    private struct Job {
        let push: DecodedPush
        let answer: CheckedContinuation<PushReceipt, any Error>
    }

    /// Pushes that one transaction takes at most.
    private static let largestGroup = 64
    /// Rows behind which a transaction takes no further push: a shut waits until it is committed.
    private static let fullGroup = 2_000

    private let database: any Database
    private let hours: HourGrid
    private var waiting: [Job] = []
    private var isRunning = false
    /// How many transactions were committed.
    private(set) var commits = 0

    init(database: any Database, hours: HourGrid) {
        self.database = database
        self.hours = hours
    }

    /// Books a push; returns once that is on disk.
    func submit(_ push: DecodedPush) async throws -> PushReceipt {
        try await withCheckedThrowingContinuation { answer in
            waiting.append(Job(push: push, answer: answer))
            guard !isRunning else { return }
            isRunning = true
            // A task of its own: one caller's cancellation must not undo the others' pushes.
            Task { await drain() }
        }
    }

    private func drain() async {
        while !waiting.isEmpty {
            await commit(takeGroup())
        }
        isRunning = false
    }

    /// Takes the pushes that the next transaction books, the first one however large it is.
    private func takeGroup() -> [Job] {
        var rows = 0
        let group = waiting.prefix(Self.largestGroup).prefix { job in
            defer { rows += job.push.rows }
            return rows < Self.fullGroup
        }
        waiting.removeFirst(group.count)
        return Array(group)
    }

    private func commit(_ jobs: [Job]) async {
        let pushes = jobs.map(\.push)
        do {
            let results = try await book(pushes)
            commits += 1
            for (job, result) in zip(jobs, results) { job.answer.resume(with: result) }
            waiting.insert(contentsOf: jobs.dropFirst(results.count), at: 0)
        } catch {
            for job in jobs { job.answer.resume(throwing: error) }
        }
    }

    /// Books pushes in one transaction; the first of them only, where a shut begins to wait.
    ///
    /// Savepoints make SQLite copy every page that changes behind them, so they are only there the
    /// second time, when something was refused.
    private func book(_ pushes: [DecodedPush]) async throws -> [Result<PushReceipt, any Error>] {
        let hours = hours
        do {
            return try await database.write { [database] session in
                var results: [Result<PushReceipt, any Error>] = []
                for push in pushes {
                    if !results.isEmpty, database.hasUrgentWrites { break }
                    results.append(try PushBooking.book(push, hours, session))
                }
                return results
            }
        } catch let error as StoreError where error.code == .internal {
            return try await database.write { session in
                try pushes.map { push in
                    do {
                        return try session.savepoint {
                            try PushBooking.book(push, hours, session, withSavepoints: true)
                        }
                    } catch let error as StoreError where error.code == .internal {
                        // One agent's surprise must not fail the others' pushes.
                        return .failure(error)
                    }
                }
            }
        }
    }
}
