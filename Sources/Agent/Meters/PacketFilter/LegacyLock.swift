internal import Glibc

/// The lock that iptables-legacy holds while it edits: in the midst of an edit all counters are
/// zero for a moment.
///
/// It is only taken, never made: where the file is not there, nobody edits under it, and a reader
/// makes nothing on a host.
struct LegacyLock: ~Copyable {
    /// Where it is unless `XTABLES_LOCKFILE` says otherwise.
    static let usualPath = "/run/xtables.lock"

    private let path: String
    /// Negative where there was no file.
    private let descriptor: Int32

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Takes the lock; throws `interrupted` where others hold it all of `patience`.
    static func take(_ path: String, patience: Duration) throws(MeterError) -> LegacyLock {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            guard errno == ENOENT else { throw .system(errno, doing: doing(path)) }
            return LegacyLock(path: path, descriptor: -1)
        }
        let lock = LegacyLock(path: path, descriptor: descriptor)
        try lock.wait(until: .now + patience)
        return lock
    }

    /// Whether no editor can have been at work since it was taken: it is held, or its file, which
    /// every editor makes first, still is not there.
    func kept() -> Bool {
        descriptor >= 0 || access(path, F_OK) != 0
    }

    private func wait(until deadline: ContinuousClock.Instant) throws(MeterError) {
        var pause: UInt32 = 200
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            switch errno {
            case EINTR: continue
            case EWOULDBLOCK: break
            case let code: throw .system(code, doing: Self.doing(path))
            }
            guard ContinuousClock.now < deadline else {
                throw MeterError(
                    .interrupted, doing: Self.doing(path),
                    reason: "another program holds it; is an iptables command hanging?")
            }
            usleep(pause)
            pause = min(pause * 2, 5_000)
        }
    }

    private static func doing(_ path: String) -> String {
        "take the lock of iptables-legacy (\(path))"
    }
}
