import TestSupport

enum Program {
    /// Runs a program to its end and returns its exit status, without holding a thread of the pool.
    static func exit(_ words: [String]) async throws -> Int32? {
        try await offPool { try Job(words).wait(limit: 60) }
    }
}
