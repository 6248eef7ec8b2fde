internal import CMnl
internal import Glibc

/// Why the kernel could not be asked, or what it answered instead.
public struct NetlinkError: Error, Hashable, Sendable {
    /// What kind of failure it is.
    public enum Code: Hashable, Sendable {
        /// The kernel or libmnl failed with this `errno`.
        case system(Int32)
        /// What arrived breaks the rules of netlink.
        case malformed
        /// What was dumped changed meanwhile, in each of the tries.
        case interrupted
        /// No answer came in time.
        case timedOut
        /// A request does not fit its message.
        case tooLarge
    }

    /// What kind of failure it is.
    public var code: Code
    /// What was being done, as the end of "could not …".
    public var doing: String
    /// What went wrong, for people; holds the kernel's own message where it sent one.
    public var reason: String

    /// Makes an error.
    package init(_ code: Code, doing: String, reason: String) {
        self.code = code
        self.doing = doing
        self.reason = reason
    }

    /// The `errno`; nil where the failure is not the kernel's.
    package var errno: Int32? {
        guard case .system(let number) = code else { return nil }
        return number
    }
}

extension NetlinkError: CustomStringConvertible {
    /// One sentence for people.
    public var description: String { "could not \(doing): \(reason)" }
}

extension NetlinkError {
    /// An error of the kernel, with its message (`NLMSGERR_ATTR_MSG`) where it sent one.
    static func system(_ number: Int32, doing: String, message: String? = nil) -> NetlinkError {
        let cause = String(cString: strerror(number))
        let reason = message.map { "\(cause) (the kernel says: \($0))" } ?? cause
        return NetlinkError(.system(number), doing: doing, reason: reason)
    }

    /// An answer that breaks the rules.
    package static func malformed(_ reason: String) -> NetlinkError {
        NetlinkError(.malformed, doing: "read the kernel's answer", reason: reason)
    }
}

/// The one way from a C result to an error: reads `errno` at once where `result` is negative.
@discardableResult
func check<Result: SignedInteger>(
    _ result: Result, _ doing: @autoclosure () -> String
) throws(NetlinkError) -> Result {
    guard result < 0 else { return result }
    let number = Glibc.errno
    throw .system(number, doing: doing())
}
