/// Why the ledger could not be read or written.
public struct LedgerError: Error, Sendable {
    /// What kind of failure it is, for those who act on it.
    public enum Code: Sendable {
        /// The file is not a ledger, or its contents contradict themselves.
        case damaged
        /// A newer version of the agent wrote it.
        case newer
        /// There is no room left on the disk.
        case full
        /// Anything else that the database reports.
        case failed
        /// Something was asked of the ledger that contradicts what it holds.
        case conflict
    }

    /// What kind of failure it is.
    public var code: Code
    /// What was being done and to what, as the end of "could not …".
    public var doing: String
    /// What went wrong, and the way out where there is one.
    public var reason: String

    /// Makes an error.
    public init(_ code: Code, doing: String, reason: String) {
        self.code = code
        self.doing = doing
        self.reason = reason
    }
}

extension LedgerError: CustomStringConvertible {
    /// One sentence for people.
    public var description: String { "could not \(doing): \(reason)" }
}
