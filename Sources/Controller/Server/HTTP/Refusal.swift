import HTTPTypes

/// An answer that is not a success.
struct Refusal: Error {
    let status: HTTPResponse.Status
    /// A word for programs.
    let code: String
    /// A sentence for people, with the way out.
    let message: String
    /// Further header fields.
    var headers = HTTPFields()

    init(_ status: HTTPResponse.Status, _ code: String, _ message: String) {
        (self.status, self.code, self.message) = (status, code, message)
    }

    static func invalid(_ message: String) -> Refusal {
        Refusal(.badRequest, "invalid", message)
    }

    static let noSuchPath = Refusal(
        .notFound, "not_found", "there is nothing at this path: see the HTTP API's calls")

    static func tooLarge(_ limit: Int) -> Refusal {
        Refusal(
            .contentTooLarge, "too_large", "the body is over its limit of \(limit) bytes: send less"
        )
    }

    static func wrongType(_ expected: String) -> Refusal {
        Refusal(
            .unsupportedMediaType, "unsupported_type",
            "the body's Content-Type must be \(expected)")
    }
}
