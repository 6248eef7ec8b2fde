import Synchronization

/// When each server's agent called last. Kept in memory: most calls write nothing down.
final class Links: Sendable {
    private let calls = Mutex<[Int64: Int64]>([:])

    /// Notes a call, in nanoseconds since 1970.
    func note(_ server: Int64, at now: Int64) {
        calls.withLock { $0[server] = now }
    }

    /// The last call since this controller started; 0 for none.
    func lastCall(_ server: Int64) -> Int64 {
        calls.withLock { $0[server] ?? 0 }
    }
}
