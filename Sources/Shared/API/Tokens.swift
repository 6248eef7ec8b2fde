/// An API token; its text is never shown again.
public struct TokenInfo: Codable, Hashable, Sendable {
    /// The token's id, never reused.
    public var id: Int64
    /// What the operator calls it.
    public var name: String
    /// What it may do.
    public var scope: TokenScope
    /// When it was made.
    public var createdAt: Timestamp
    /// When it was last used, to the minute; nil for never.
    @OrNull public var lastUsedAt: Timestamp?

    enum CodingKeys: String, CodingKey {
        case id
        case name
        case scope
        case createdAt = "created_at"
        case lastUsedAt = "last_used_at"
    }

    /// Makes the value from its parts.
    public init(
        id: Int64, name: String, scope: TokenScope, createdAt: Timestamp,
        lastUsedAt: Timestamp? = nil
    ) {
        self.id = id
        self.name = name
        self.scope = scope
        self.createdAt = createdAt
        self.lastUsedAt = lastUsedAt
    }
}

/// The answer of `GET /api/tokens`.
public struct TokenList: Codable, Hashable, Sendable {
    /// Always true.
    public var success: Bool
    /// All of them, oldest first.
    public var tokens: [TokenInfo]

    /// Makes the value from its parts.
    public init(
        tokens: [TokenInfo]
    ) {
        success = true
        self.tokens = tokens
    }
}

/// The body of `POST /api/tokens`.
public struct NewToken: Codable, Hashable, Sendable {
    /// What to call it; nil for the scope's name.
    @OrNull public var name: String?
    /// What it may do.
    public var scope: TokenScope

    /// Makes the value from its parts.
    public init(
        name: String? = nil, scope: TokenScope
    ) {
        self.name = name
        self.scope = scope
    }
}

/// The answer of `POST /api/tokens`.
public struct TokenAnswer: Codable, Hashable, Sendable {
    /// Always true.
    public var success: Bool
    /// The token, shown this once.
    public var token: String
    /// What is kept of it.
    public var info: TokenInfo

    /// Makes the value from its parts.
    public init(
        token: String, info: TokenInfo
    ) {
        success = true
        self.token = token
        self.info = info
    }
}

/// The answer of a call that has nothing more to say.
public struct DoneAnswer: Codable, Hashable, Sendable {
    /// Always true.
    public var success: Bool
    /// What happened, in words.
    public var message: String

    /// Makes the value from its parts.
    public init(
        message: String
    ) {
        success = true
        self.message = message
    }
}
