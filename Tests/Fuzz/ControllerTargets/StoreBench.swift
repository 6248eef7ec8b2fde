import Foundation
import FuzzTargets

@testable import Store

/// One store for all inputs: a new one for each would take most of the time.
final class StoreBench: Sendable {
    let store: Store
    /// A quarter past noon on 2025-11-06, nanoseconds since 1970.
    let now: Int64 = 1_762_431_300_000_000_000

    /// Made at the first use.
    static let shared = Task { try await StoreBench() }

    /// In memory where the machine has a place for that, and removed when this process ends;
    /// `scripts/fuzz` names one that it removes itself, since libFuzzer ends without a word.
    private static let folder: String = {
        let given = ProcessInfo.processInfo.environment["TOLLKEEPER_FUZZ_FOLDER"]
        if let given { return "\(given)/\(UUID().uuidString)" }
        let isThere = FileManager.default.fileExists(atPath: "/dev/shm")
        return "\(isThere ? "/dev/shm" : "/tmp")/tollkeeper-fuzz-\(UUID().uuidString)"
    }()

    private init() async throws {
        store = try await Store.open(path: "\(Self.folder)/store.sqlite", reserve: 0)
        atexit { try? FileManager.default.removeItem(atPath: StoreBench.folder) }
    }

    /// Runs `body`, whose typed refusals are in order.
    func typed(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as StoreError {
            let inOrder: [StoreError.Code] = [
                .notFound, .conflict, .forbidden, .invalid, .diverged,
            ]
            let cause = error.cause.map { "\($0)" } ?? "no cause"
            try FuzzFinding.unless(
                inOrder.contains { $0 == error.code }, "\(error.code): \(error) (\(cause))")
        }
    }

    /// Runs a query for its integers.
    func integers(_ sql: String, _ values: [SQLValue]) async throws -> [[Int64]] {
        try await store.database.read { session in
            try session.query(sql, values).map { row in
                row.values.indices.map { row.integer($0) }
            }
        }
    }
}
