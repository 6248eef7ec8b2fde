/// The body of every answer that is not a success.
public struct Failure: Codable, Hashable, Sendable {
    /// Always false.
    public var success: Bool
    /// What went wrong.
    public var error: Detail
    /// The error's message once more, for clients that look for it here.
    public var message: String

    /// What went wrong, for programs and for people.
    public struct Detail: Codable, Hashable, Sendable {
        /// A word for programs, such as `not_found`.
        public var code: String
        /// A sentence for people, with the way out.
        public var message: String

        /// Makes a detail.
        public init(code: String, message: String) {
            self.code = code
            self.message = message
        }
    }

    /// Makes the body of an error.
    public init(code: String, message: String) {
        success = false
        error = Detail(code: code, message: message)
        self.message = message
    }
}
