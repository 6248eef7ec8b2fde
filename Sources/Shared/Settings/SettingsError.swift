/// Why a configuration cannot be used.
public struct SettingsError: Error, Hashable, Sendable {
    /// What kind of failure it is.
    public enum Code: Hashable, Sendable {
        /// The file cannot be read.
        case unreadable
        /// A line is not `KEY=value`.
        case malformed
        /// There is no such key.
        case unknown
        /// A key stands in the file twice.
        case duplicate
        /// A key has a value that it cannot have.
        case wrong
        /// A key that must be set is not.
        case missing
    }

    /// What kind of failure it is.
    public var code: Code
    /// Where: `FILE:LINE`, a variable of the environment, a flag.
    public var place: String
    /// What is wrong, and what would be right.
    public var reason: String

    /// Makes an error.
    public init(_ code: Code, at place: String, _ reason: String) {
        self.code = code
        self.place = place
        self.reason = reason
    }
}

extension SettingsError: CustomStringConvertible {
    /// One sentence for people.
    public var description: String { "\(place): \(reason)" }
}
