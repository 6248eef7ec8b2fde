import Glibc

/// Keeps two agents from using one state folder. Held until the process ends.
struct StateLock: ~Copyable {
    fileprivate let descriptor: Int32

    deinit { close(descriptor) }

    /// Takes the lock of `folder`; throws where another process has it.
    static func take(in folder: String) throws -> StateLock {
        let path = "\(folder)/lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw AgentError.system(errno, doing: "open \(path)") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw AgentError(
                doing: "use the state folder \(folder)",
                reason: "tollkeeper-agent is running on it; stop it first "
                    + "(systemctl stop tollkeeper-agent)")
        }
        return StateLock(descriptor: descriptor)
    }
}
