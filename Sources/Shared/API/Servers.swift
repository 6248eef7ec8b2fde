/// A VPN host and how its agent is doing.
public struct ServerInfo: Codable, Hashable, Sendable {
    /// The server's id, never reused.
    public var id: Int64
    /// The operator's name for it, unique.
    public var name: String
    /// How the link to its agent is.
    public var state: LinkState
    /// When it was added.
    public var createdAt: Timestamp
    /// `enforce` or `observe`; nil until its agent has joined.
    @OrNull public var mode: String?
    /// The agent's version; nil until it has joined.
    @OrNull public var agentVersion: String?
    /// What the host calls itself; nil until its agent has joined.
    @OrNull public var hostName: String?
    /// The host's operating system; nil until its agent has joined.
    @OrNull public var system: String?
    /// The host's kernel; nil until its agent has joined.
    @OrNull public var kernel: String?
    /// The agent's last call; nil for none.
    @OrNull public var lastContactAt: Timestamp?
    /// The last push that was booked; nil for none.
    @OrNull public var lastPushAt: Timestamp?
    /// The end of the newest reading that was booked; nil for none.
    @OrNull public var lastSyncAt: Timestamp?
    /// Milliseconds that the host's clock is ahead; nil until known.
    @OrNull public var clockOffsetMs: Int64?
    /// The newest desired state.
    public var revision: Int64
    /// Up to which desired state the agent has verified.
    public var enforcedRevision: Int64
    /// How many clients hold a credential on it.
    public var clients: Int
    /// Bytes that its clients have sent.
    public var bytesSent: Int64
    /// Bytes that its clients have received.
    public var bytesReceived: Int64
    /// Rows that could not be booked.
    public var quarantined: Int
    /// What its agent counts.
    public var meters: [MeterInfo]
    /// Since when the controller, put back from an old backup, lacks what this server's agent knows:
    /// until that is caught up nothing is opened there. nil where it lacks nothing.
    @OrNull public var recoveringSince: Timestamp?
    /// What is still to come from the agent; nil for nothing.
    @OrNull public var recovery: Recovery?
    /// Credentials that were opened since that backup; each stays shut until its client is restored
    /// or revoked.
    public var reopenedSinceBackup: [ReopenedCredential]
    /// When a clone or an old copy of the agent's ledger called last; nil for never since the join.
    @OrNull public var cloneSeenAt: Timestamp?

    enum CodingKeys: String, CodingKey {
        case id
        case name
        case state
        case createdAt = "created_at"
        case mode
        case agentVersion = "agent_version"
        case hostName = "host_name"
        case system
        case kernel
        case lastContactAt = "last_contact_at"
        case lastPushAt = "last_push_at"
        case lastSyncAt = "last_sync_at"
        case clockOffsetMs = "clock_offset_ms"
        case revision
        case enforcedRevision = "enforced_revision"
        case clients
        case bytesSent = "bytes_sent"
        case bytesReceived = "bytes_received"
        case quarantined
        case meters
        case recoveringSince = "recovering_since"
        case recovery
        case reopenedSinceBackup = "reopened_since_backup"
        case cloneSeenAt = "clone_seen_at"
    }

    /// Makes the value from its parts.
    public init(
        id: Int64, name: String, state: LinkState, createdAt: Timestamp, mode: String? = nil,
        agentVersion: String? = nil, hostName: String? = nil, system: String? = nil,
        kernel: String? = nil, lastContactAt: Timestamp? = nil, lastPushAt: Timestamp? = nil,
        lastSyncAt: Timestamp? = nil, clockOffsetMs: Int64? = nil, revision: Int64,
        enforcedRevision: Int64, clients: Int, bytesSent: Int64, bytesReceived: Int64,
        quarantined: Int, meters: [MeterInfo], recoveringSince: Timestamp? = nil,
        recovery: Recovery? = nil, reopenedSinceBackup: [ReopenedCredential] = [],
        cloneSeenAt: Timestamp? = nil
    ) {
        self.id = id
        self.name = name
        self.state = state
        self.createdAt = createdAt
        self.mode = mode
        self.agentVersion = agentVersion
        self.hostName = hostName
        self.system = system
        self.kernel = kernel
        self.lastContactAt = lastContactAt
        self.lastPushAt = lastPushAt
        self.lastSyncAt = lastSyncAt
        self.clockOffsetMs = clockOffsetMs
        self.revision = revision
        self.enforcedRevision = enforcedRevision
        self.clients = clients
        self.bytesSent = bytesSent
        self.bytesReceived = bytesReceived
        self.quarantined = quarantined
        self.meters = meters
        self.recoveringSince = recoveringSince
        self.recovery = recovery
        self.reopenedSinceBackup = reopenedSinceBackup
        self.cloneSeenAt = cloneSeenAt
    }
}

/// A source of counters on a server.
public struct MeterInfo: Codable, Hashable, Sendable {
    /// Its name, such as `wireguard/wg0`.
    public var name: String
    /// Where the counters live: `kernel` or `userspace`.
    public var source: String
    /// The UDP port of the device; nil for none.
    @OrNull public var listenPort: Int?
    /// How many keys its last reading had.
    public var keys: Int
    /// Why it cannot be read now; nil where it can.
    @OrNull public var fault: String?
    /// Who else resets its counters, so that its totals are lower bounds; nil where nobody does.
    @OrNull public var contested: String?

    enum CodingKeys: String, CodingKey {
        case name
        case source
        case listenPort = "listen_port"
        case keys
        case fault
        case contested
    }

    /// Makes the value from its parts.
    public init(
        name: String, source: String, listenPort: Int? = nil, keys: Int, fault: String? = nil,
        contested: String? = nil
    ) {
        self.name = name
        self.source = source
        self.listenPort = listenPort
        self.keys = keys
        self.fault = fault
        self.contested = contested
    }
}

/// The answer of `GET /api/servers`.
public struct ServerList: Codable, Hashable, Sendable {
    /// Always true.
    public var success: Bool
    /// One page, in the order asked for.
    public var servers: [ServerInfo]
    /// What to send as `cursor` for the next page; nil on the last one.
    @OrNull public var nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case success
        case servers
        case nextCursor = "next_cursor"
    }

    /// Makes the value from its parts.
    public init(
        servers: [ServerInfo], nextCursor: String? = nil
    ) {
        success = true
        self.servers = servers
        self.nextCursor = nextCursor
    }
}

/// The answer of `GET` and `PATCH /api/servers/{id}`.
public struct ServerAnswer: Codable, Hashable, Sendable {
    /// Always true.
    public var success: Bool
    /// The server.
    public var server: ServerInfo

    /// Makes the value from its parts.
    public init(
        server: ServerInfo
    ) {
        success = true
        self.server = server
    }
}

/// The body of `POST /api/servers`.
public struct NewServer: Codable, Hashable, Sendable {
    /// A unique name of 1 to 63 letters, digits, `.`, `_` and `-`.
    public var name: String
    /// Whether several hosts may join with the token; nil for no.
    @OrNull public var reusable: Bool?
    /// How long the token lives; nil for 24 hours.
    @OrNull public var ttlSeconds: Int64?

    enum CodingKeys: String, CodingKey {
        case name
        case reusable
        case ttlSeconds = "ttl_seconds"
    }

    /// Makes the value from its parts.
    public init(
        name: String, reusable: Bool? = nil, ttlSeconds: Int64? = nil
    ) {
        self.name = name
        self.reusable = reusable
        self.ttlSeconds = ttlSeconds
    }
}

/// The body of `POST /api/servers/{id}/token`.
public struct NewJoinToken: Codable, Hashable, Sendable {
    /// Whether several hosts may join with the token; nil for no.
    @OrNull public var reusable: Bool?
    /// How long the token lives; nil for 24 hours.
    @OrNull public var ttlSeconds: Int64?

    enum CodingKeys: String, CodingKey {
        case reusable
        case ttlSeconds = "ttl_seconds"
    }

    /// Makes the value from its parts.
    public init(reusable: Bool? = nil, ttlSeconds: Int64? = nil) {
        self.reusable = reusable
        self.ttlSeconds = ttlSeconds
    }
}

/// The answer of `POST /api/servers` and `POST /api/servers/{id}/token`.
public struct ServerJoin: Codable, Hashable, Sendable {
    /// Always true.
    public var success: Bool
    /// The server that the token is for.
    public var server: ServerInfo
    /// The join token, shown this once: give it to the agent on its standard input.
    public var token: String
    /// The controller's address as the agent should call it.
    public var url: String
    /// When the token stops working.
    public var expiresAt: Timestamp
    /// What to run on the host; it reads the token from its standard input.
    public var command: String

    enum CodingKeys: String, CodingKey {
        case success
        case server
        case token
        case url
        case expiresAt = "expires_at"
        case command
    }

    /// Makes the value from its parts.
    public init(
        server: ServerInfo, token: String, url: String, expiresAt: Timestamp, command: String
    ) {
        success = true
        self.server = server
        self.token = token
        self.url = url
        self.expiresAt = expiresAt
        self.command = command
    }
}

/// The body of `PATCH /api/servers/{id}`.
public struct ServerChange: Codable, Hashable, Sendable {
    /// The new name; nil keeps the old one.
    @OrNull public var name: String?

    /// Makes the value from its parts.
    public init(
        name: String? = nil
    ) {
        self.name = name
    }
}
