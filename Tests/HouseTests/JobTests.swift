import Foundation
import TestSupport
import Testing

/// What the programs that tests start have of the test process.
@Suite struct JobTests {
    @Test func aProgramHasItsThreeStreamsOpenAndNothingElse() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0, "a pipe that is not closed on exec")
        defer { ends.forEach { close($0) } }
        let listed = try Command.run("ls", "/proc/self/fd").split(separator: "\n")
        // The last is the folder that ls reads.
        #expect(listed == ["0", "1", "2", "3"])
    }

    @Test func aProgramHasNoSignalBlockedOrIgnored() throws {
        let states = try whereSignalsAreBlocked {
            try Command.run("cat", "/proc/self/status").split(separator: "\n")
                .filter { $0.hasPrefix("SigBlk:") || $0.hasPrefix("SigIgn:") }
        }
        // posix_spawn has 32 and 33, which are glibc's own, ignored.
        let own: UInt64 = 1 << 31 | 1 << 32
        let signals = states.compactMap { UInt64($0.drop { $0 != "\t" }.dropFirst(), radix: 16) }
        #expect(signals.map { $0 & ~own } == [0, 0])
    }

    @Test func anInputThatIsHeldDoesNotEnd() throws {
        let held = try Job(["cat"], input: "a line\n", holdsInput: true)
        #expect(held.firstLine() == "a line\n")
        #expect(held.wait(limit: 0.2, killing: false) == nil)
        #expect(try Command.run("cat", input: "a line\n") == "a line\n")
    }

    @Test func theEndOfAProgramIsSaid() throws {
        #expect(try Job(["sh", "-c", "exit 7"]).wait(limit: 60) == 7)
        #expect(try Job(["sh", "-c", "kill -TERM $$"]).wait(limit: 60) == 128 + SIGTERM)
        let job = try Job(["sleep", "600"])
        job.signal(SIGTERM)
        #expect(job.wait(limit: 60) == 128 + SIGTERM)
        job.stop()
        #expect(try Job(["sleep", "600"]).wait(limit: 0.1) == 128 + SIGKILL)
        #expect(throws: CommandFailure.self) { try Job(["/nowhere/program"]) }
    }

    private func whereSignalsAreBlocked<Value>(
        _ work: () throws -> Value
    ) throws -> Value {
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        return try work()
    }
}
