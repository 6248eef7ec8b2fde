/// Why a meter could not be read or changed.
public struct MeterError: Error, Sendable {
    /// What kind of failure it is, for those who act on it.
    public enum Code: Sendable {
        /// The device is not there (any more).
        case absent
        /// The kernel or the daemon refused for want of rights.
        case denied
        /// The source changed while it was read, three times in a row.
        case interrupted
        /// What the source answered cannot be understood.
        case malformed
        /// A change was made, yet the source does not show it.
        case unverified
        /// The kernel does not have what it takes.
        case unsupported
        /// A tunnel address of the peer belongs to another peer now.
        case addressTaken
        /// Anything else.
        case failed
    }

    /// What kind of failure it is.
    public var code: Code
    /// What was being done and to what, as the end of "could not …".
    public var doing: String
    /// What went wrong, in the kernel's or the daemon's words.
    public var reason: String

    /// Makes an error.
    public init(_ code: Code, doing: String, reason: String) {
        self.code = code
        self.doing = doing
        self.reason = reason
    }
}

extension MeterError: CustomStringConvertible {
    /// One sentence for people.
    public var description: String { "could not \(doing): \(reason)" }
}
