internal import Glibc

/// Why a file was left as it is.
public struct FileError: Error, Hashable, Sendable {
    /// What kind of failure it is, for those who act on it.
    public enum Code: Hashable, Sendable {
        /// Somebody else is changing the file; it can be tried again.
        case busy
        /// The file cannot be replaced and stay what it is.
        case refused
        /// Two others changed it at one instant; one of the edits stands beside it.
        case conflict
        /// A call failed, with its `errno`.
        case system(Int32)
    }

    /// What kind of failure it is.
    public var code: Code
    /// What was being done and to what, as the end of "could not …".
    public var doing: String
    /// What went wrong, and the way out where there is one.
    public var reason: String

    init(_ code: Code, doing: String, reason: String) {
        self.code = code
        self.doing = doing
        self.reason = reason
    }

    /// What `errno` means for a file.
    static func system(_ number: Int32, doing: String) -> FileError {
        var reason = String(cString: strerror(number))
        switch number {
        case EROFS:
            reason += "; it is not writable for this service: add ReadWritePaths= in a drop-in"
        case EACCES, EPERM:
            reason += "; it is not root's, is immutable, or is outside what the service may write"
        case EBUSY, EXDEV:
            reason +=
                "; the file is a mount of its own and cannot be replaced in one step: mount "
                + "its folder instead"
        default: break
        }
        return FileError(.system(number), doing: doing, reason: reason)
    }
}

extension FileError: CustomStringConvertible {
    /// One sentence for people.
    public var description: String { "could not \(doing): \(reason)" }
}
