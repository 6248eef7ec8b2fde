import Glibc

/// Why the agent could not do what it was asked.
struct AgentError: Error, Sendable, CustomStringConvertible {
    /// What was being done and to what, as the end of "could not …".
    var doing: String
    /// What went wrong, and the way out where there is one.
    var reason: String

    init(doing: String, reason: String) {
        self.doing = doing
        self.reason = reason
    }

    static func system(_ number: Int32, doing: String) -> AgentError {
        AgentError(doing: doing, reason: String(cString: strerror(number)))
    }

    var description: String { "could not \(doing): \(reason)" }
}
