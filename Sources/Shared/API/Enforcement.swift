/// How far a change of access has got.
public struct Enforcement: Codable, Hashable, Sendable {
    /// Whether every server has verified it.
    public var state: EnforcementState
    /// Milliseconds from the request until all had; nil while pending.
    @OrNull public var latencyMs: Int64?
    /// Each server that the change concerns.
    public var servers: [ServerEnforcement]

    enum CodingKeys: String, CodingKey {
        case state
        case latencyMs = "latency_ms"
        case servers
    }

    /// Makes the value from its parts.
    public init(
        state: EnforcementState, latencyMs: Int64? = nil, servers: [ServerEnforcement]
    ) {
        self.state = state
        self.latencyMs = latencyMs
        self.servers = servers
    }
}

/// How far one server has got.
public struct ServerEnforcement: Codable, Hashable, Sendable {
    /// The server.
    public var serverID: Int64
    /// Its name.
    public var server: String
    /// Whether its agent has verified it.
    public var state: EnforcementState
    /// Milliseconds from the request until it had; nil while pending.
    @OrNull public var latencyMs: Int64?
    /// Why it could not or not wholly be done; nil where it was.
    @OrNull public var detail: String?

    enum CodingKeys: String, CodingKey {
        case serverID = "server_id"
        case server
        case state
        case latencyMs = "latency_ms"
        case detail
    }

    /// Makes the value from its parts.
    public init(
        serverID: Int64, server: String, state: EnforcementState, latencyMs: Int64? = nil,
        detail: String? = nil
    ) {
        self.serverID = serverID
        self.server = server
        self.state = state
        self.latencyMs = latencyMs
        self.detail = detail
    }
}

/// The answer of a revoke, a restore and a delete.
public struct EnforcementAnswer: Codable, Hashable, Sendable {
    /// Always true: the change is saved, even where it is not yet enforced.
    public var success: Bool
    /// What happened, in words.
    public var message: String
    /// How far it has got.
    public var enforcement: Enforcement

    /// Makes the value from its parts.
    public init(
        message: String, enforcement: Enforcement
    ) {
        success = true
        self.message = message
        self.enforcement = enforcement
    }
}
