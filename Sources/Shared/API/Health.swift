/// The answer of `GET /healthz` and `GET /readyz`.
public struct Health: Codable, Hashable, Sendable {
    /// Always true.
    public var success: Bool
    /// `ok`, or `ready`.
    public var status: String
    /// The controller's version.
    public var version: String

    /// Makes the value from its parts.
    public init(
        status: String, version: String
    ) {
        success = true
        self.status = status
        self.version = version
    }
}
