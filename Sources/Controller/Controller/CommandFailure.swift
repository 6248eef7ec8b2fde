/// Why a command did not do what it was asked for, and how the process ends.
struct CommandFailure: Error, Hashable {
    /// The exit statuses that scripts rely on.
    enum Status: Int32 {
        case failed = 1
        case notFound = 2
        case pending = 3
        case usage = 64
    }

    let status: Status
    /// A sentence for people; nil where all was said already.
    let message: String?

    init(_ status: Status, _ message: String? = nil) {
        self.status = status
        self.message = message
    }
}
