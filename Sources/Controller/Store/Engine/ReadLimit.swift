import GRDB
import GRDBSQLite

/// Ends a read that takes too long, so that none keeps the write-ahead log from being emptied.
struct ReadLimit: Sendable {
    let limit: Duration

    /// Machine instructions between two looks at the clock: some tens of microseconds.
    private static let steps: CInt = 10_000

    /// Runs `body`; once the time is up, the statement that runs fails with SQLITE_INTERRUPT.
    func within<Value>(
        _ connection: GRDB.Database, _ body: () throws -> Value
    ) throws -> Value {
        let handle = connection.sqliteConnection
        var deadline = ContinuousClock.now + limit
        return try withUnsafeMutablePointer(to: &deadline) { pointer in
            sqlite3_progress_handler(
                handle, Self.steps,
                { context in
                    guard let context else { return 0 }
                    let deadline = context.assumingMemoryBound(to: ContinuousClock.Instant.self)
                    return ContinuousClock.now > deadline.pointee ? 1 : 0
                }, pointer)
            // The handler must not outlive what it points at.
            defer { sqlite3_progress_handler(handle, 0, nil, nil) }
            return try body()
        }
    }
}
