package import Foundation

/// A program that runs beside the test, in a process group of its own, and is ended with it.
package final class Job {
    /// Its process id; a program started through `ip netns exec` has the same one.
    package let pid: pid_t

    private let folder: TemporaryFolder
    private var status: Int32?

    /// Starts a program found on PATH. Its output goes to files, so it never waits for a reader.
    package init(
        _ words: [String], input: String? = nil, environment: [String: String] = [:]
    ) throws {
        folder = try TemporaryFolder()
        try folder.write(input ?? "", to: "in")
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        let flags = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&files, 0, "\(folder.path)/in", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&files, 1, "\(folder.path)/out", flags, 0o600)
        posix_spawn_file_actions_addopen(&files, 2, "\(folder.path)/err", flags, 0o600)
        let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        pid = try Self.spawn(words, all.map { "\($0)=\($1)" }, &files)
    }

    deinit {
        stop()
    }

    /// What it has written to its standard output so far.
    package var output: String { text("out") }

    /// What it has written to its standard error so far.
    package var errors: String { text("err") }

    /// Whether it has not ended yet.
    package var isRunning: Bool { wait(limit: 0, killing: false) == nil }

    /// Sends a signal to the program alone, unless it has ended.
    package func signal(_ number: Int32) {
        if isRunning { kill(pid, number) }
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
        while status == nil {
            var raw: Int32 = 0
            let ended = waitpid(pid, &raw, WNOHANG)
            if ended == pid || (ended < 0 && errno != EINTR) {
                status = raw & 0x7f == 0 ? raw >> 8 & 0xff : 128 + raw & 0x7f
            } else if ContinuousClock.now < deadline {
                usleep(2000)
            } else if killing {
                kill(-pid, SIGKILL)
                waitpid(pid, &raw, 0)
                status = 128 + SIGKILL
            } else {
                return nil
            }
        }
        return status
    }

    /// Ends it and its children: politely, and after `grace` seconds by force.
    package func stop(grace: Double = 5) {
        guard isRunning else { return }
        kill(-pid, SIGTERM)
        wait(limit: grace)
    }

    private func text(_ name: String) -> String {
        let data = FileManager.default.contents(atPath: "\(folder.path)/\(name)") ?? Data()
        return String(decoding: data, as: UTF8.self)
    }

    private static func spawn(
        _ words: [String], _ environment: [String], _ files: inout posix_spawn_file_actions_t
    ) throws -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        posix_spawnattr_setpgroup(&attributes, 0)
        var arguments = words.map { strdup($0) } + [nil]
        var variables = environment.map { strdup($0) } + [nil]
        defer { (arguments + variables).forEach { free($0) } }
        var pid: pid_t = 0
        let code = posix_spawnp(
            &pid, words.first ?? "", &files, &attributes, &arguments, &variables)
        guard code == 0 else {
            throw CommandFailure(
                words: words, status: 127, output: "", errors: String(cString: strerror(code)))
        }
        return pid
    }
}
