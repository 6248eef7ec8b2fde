import CSpawn
import Foundation

/// How programs are started: with their three streams, and nothing else of this process's.
enum Spawning {
    /// Starts a program found on PATH, as the leader of a process group of its own.
    ///
    /// It has no other file of this process open: a listening socket or the end of a pipe of a test
    /// that runs beside would stay there with it. Swift's threads have signals blocked; it has not.
    static func start(
        _ words: [String], _ environment: [String: String], _ streams: [OpenFile]
    ) throws -> pid_t {
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        for (target, file) in streams.enumerated() {
            posix_spawn_file_actions_adddup2(&files, file.number, Int32(target))
        }
        tk_close_from(&files, Int32(streams.count))
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        arrange(&attributes)
        var arguments = words.map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { (arguments + variables).forEach { free($0) } }
        var pid: pid_t = 0
        let code = withExtendedLifetime(streams) {
            posix_spawnp(&pid, words.first ?? "", &files, &attributes, &arguments, &variables)
        }
        guard code == 0 else {
            throw CommandFailure(
                words: words, status: 127, output: "", errors: String(cString: strerror(code)))
        }
        return pid
    }

    private static func arrange(_ attributes: inout posix_spawnattr_t) {
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))
    }
}
