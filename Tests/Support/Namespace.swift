package import Foundation
import Synchronization

/// A network namespace made for one test, with a name that no other test or process has.
package final class Namespace {
    /// Its name for `ip netns`.
    package let name: String

    private var isThere = true

    /// Makes the namespace with its loopback up.
    package init() throws {
        name = "tktest-\(Unique.tag)-\(Unique.number())"
        try Command.run("ip", "netns", "add", name)
        try run("ip", "link", "set", "lo", "up")
    }

    deinit {
        delete()
    }

    /// The words that run `words` inside.
    package func inside(_ words: [String]) -> [String] {
        ["ip", "netns", "exec", name] + words
    }

    /// Runs a program inside to its end and returns its standard output.
    @discardableResult
    package func run(_ words: String..., input: String = "") throws -> String {
        try Command.run(inside(words), input: input)
    }

    /// Starts a program inside that runs beside the test.
    package func start(_ words: String...) throws -> Job {
        try Job(inside(words))
    }

    /// The processes that run inside.
    package func processes() throws -> [pid_t] {
        try Command.run("ip", "netns", "pids", name).split(separator: "\n").compactMap { pid_t($0) }
    }

    /// Ends what still runs inside and deletes the namespace with its devices.
    package func delete() {
        guard isThere else { return }
        isThere = false
        for process in (try? processes()) ?? [] { kill(process, SIGKILL) }
        _ = try? Command.run("ip", "netns", "delete", name)
    }
}

/// Names that are taken once in this process, and carry its pid; or `TEST_TAG`, so that the
/// guest has the same names after a power cut.
package enum Unique {
    private static let last = Atomic<Int>(0)

    fileprivate static let tag =
        ProcessInfo.processInfo.environment["TEST_TAG"] ?? String(getpid(), radix: 36)

    /// The next number, from 1.
    package static func number() -> Int {
        last.add(1, ordering: .relaxed).newValue
    }

    /// An interface name of at most 15 characters.
    package static func interface() -> String {
        "tk\(tag)x\(String(number(), radix: 36))"
    }
}
