package import Foundation
import Synchronization

/// A program that runs beside the test, in a process group of its own, and is ended with it.
///
/// Tests start programs by this alone. Foundation's `Process` reads over the end of what the
/// kernel says of open files, and dies of it when a test has many.
package final class Job: Sendable {
    /// Its process id; a program started through `ip netns exec` has the same one.
    package let pid: pid_t

    private let outputFile: OpenFile
    private let errorFile: OpenFile
    private let heldInput: OpenFile?
    /// How it ended; a lock, so that nobody signals a process id that is free again.
    private let status = Mutex<Int32?>(nil)

    /// Starts a program found on PATH. Its output goes to files, so it never waits for a reader.
    ///
    /// Its input ends after `input`; or, where that is held, with this object or this process,
    /// however that ends.
    package init(
        _ words: [String], input: String = "", holdsInput: Bool = false,
        environment: [String: String] = [:]
    ) throws {
        outputFile = try .unnamed()
        errorFile = try .unnamed()
        let pipe = holdsInput ? try OpenFile.pipe(input) : nil
        heldInput = pipe?.writer
        let given = try pipe?.reader ?? .unnamed(input)
        let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        pid = try Spawning.start(words, all, [given, outputFile, errorFile])
    }

    deinit {
        stop()
    }

    /// What it has written to its standard output so far.
    package var output: String { outputFile.text }

    /// What it has written to its standard error so far.
    package var errors: String { errorFile.text }

    /// Whether it has not ended yet.
    package var isRunning: Bool { ended() == nil }

    /// Sends a signal to the program alone, unless it has ended.
    package func signal(_ number: Int32) {
        _ = ended {
            kill(pid, number)
            return nil
        }
    }

    /// Waits until it has written a whole line, or ends, and returns all that it has written then.
    package func firstLine(within limit: Double = 60) -> String {
        _ = eventually(within: limit) { output.contains("\n") || !isRunning }
        return output
    }

    /// Makes the program stand still, and returns once all of it does: a signal is under way for a
    /// moment, and until then it answers. False when it did not stop within `limit` seconds.
    package func stand(within limit: Double = 60) -> Bool {
        signal(SIGSTOP)
        return eventually(within: limit) {
            let threads = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
            return threads?.allSatisfy { thread in
                let path = "/proc/\(pid)/task/\(thread)/stat"
                let stat = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
                // After the name in brackets, which may hold anything, stands the state.
                return stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].hasPrefix(") T")
            } == true
        }
    }

    /// Waits for its end and returns its exit status, or 128 + N when signal N ended it.
    ///
    /// When it has not ended after `limit` seconds it is killed, or left running and nil returned.
    @discardableResult
    package func wait(limit: Double, killing: Bool = true) -> Int32? {
        let deadline = ContinuousClock.now + .milliseconds(Int(limit * 1000))
        while ContinuousClock.now < deadline {
            if let status = ended() { return status }
            usleep(2000)
        }
        guard killing else { return ended() }
        return ended {
            kill(-pid, SIGKILL)
            var raw: Int32 = 0
            waitpid(pid, &raw, 0)
            return 128 + SIGKILL
        }
    }

    /// Ends it and its children: politely, and after `grace` seconds by force.
    package func stop(grace: Double = 5) {
        let hasEnded = ended {
            kill(-pid, SIGTERM)
            return nil
        }
        if hasEnded == nil { wait(limit: grace) }
    }

    /// How it ended. While it runs, what `act` says, which may signal it: nil where it runs on.
    private func ended(orElse act: () -> Int32? = { nil }) -> Int32? {
        status.withLock { status in
            if status != nil { return status }
            var raw: Int32 = 0
            let ended = waitpid(pid, &raw, WNOHANG)
            if ended == pid || (ended < 0 && errno != EINTR) {
                status = raw & 0x7f == 0 ? raw >> 8 & 0xff : 128 + raw & 0x7f
            } else {
                status = act()
            }
            return status
        }
    }
}
