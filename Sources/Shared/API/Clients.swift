/// A person or device, summed over all servers.
public struct ClientInfo: Codable, Hashable, Sendable {
    /// The client's id, never reused.
    public var id: Int64
    /// Its name; two clients may share one.
    public var name: String
    /// The first credential's server; nil for a client without credentials.
    @OrNull public var serverID: Int64?
    /// The first credential's first address; nil where it has none.
    @OrNull public var clientIP: String?
    /// Every tunnel address of its credentials.
    public var clientIPs: [String]
    /// What holds now.
    public var status: ClientStatus
    /// What the operator asked for.
    public var access: ClientAccess
    /// When it was first seen or made.
    public var createdAt: Timestamp
    /// Its traffic in words.
    public var stats: ClientStats
    /// Bytes that it has sent.
    public var bytesSent: Int64
    /// Bytes that it has received.
    public var bytesReceived: Int64
    /// Its newest handshake; nil for never.
    @OrNull public var lastHandshake: Timestamp?
    /// When traffic was last booked; nil for never.
    @OrNull public var lastTrafficAt: Timestamp?
    /// The oldest of its servers' newest readings; nil for none yet.
    @OrNull public var lastSyncAt: Timestamp?
    /// Bytes that it may use; nil for no limit.
    @OrNull public var trafficLimit: Int64?
    /// When its access ends; nil for never.
    @OrNull public var expiresAt: Timestamp?
    /// The operator's note.
    public var note: String
    /// Groups that it belongs to.
    public var groups: [String]
    /// What it is counted by, in the order of their ids.
    public var credentials: [ClientCredential]

    enum CodingKeys: String, CodingKey {
        case id
        case name
        case serverID = "server_id"
        case clientIP = "client_ip"
        case clientIPs = "client_ips"
        case status
        case access
        case createdAt = "created_at"
        case stats
        case bytesSent = "bytes_sent"
        case bytesReceived = "bytes_received"
        case lastHandshake = "last_handshake"
        case lastTrafficAt = "last_traffic_at"
        case lastSyncAt = "last_sync_at"
        case trafficLimit = "traffic_limit"
        case expiresAt = "expires_at"
        case note
        case groups
        case credentials
    }

    /// Makes the value from its parts.
    public init(
        id: Int64, name: String, serverID: Int64? = nil, clientIP: String? = nil,
        clientIPs: [String], status: ClientStatus, access: ClientAccess, createdAt: Timestamp,
        stats: ClientStats, bytesSent: Int64, bytesReceived: Int64, lastHandshake: Timestamp? = nil,
        lastTrafficAt: Timestamp? = nil, lastSyncAt: Timestamp? = nil, trafficLimit: Int64? = nil,
        expiresAt: Timestamp? = nil, note: String, groups: [String], credentials: [ClientCredential]
    ) {
        self.id = id
        self.name = name
        self.serverID = serverID
        self.clientIP = clientIP
        self.clientIPs = clientIPs
        self.status = status
        self.access = access
        self.createdAt = createdAt
        self.stats = stats
        self.bytesSent = bytesSent
        self.bytesReceived = bytesReceived
        self.lastHandshake = lastHandshake
        self.lastTrafficAt = lastTrafficAt
        self.lastSyncAt = lastSyncAt
        self.trafficLimit = trafficLimit
        self.expiresAt = expiresAt
        self.note = note
        self.groups = groups
        self.credentials = credentials
    }
}

/// One of a client's credentials.
public struct ClientCredential: Codable, Hashable, Sendable {
    /// The credential's id, never reused.
    public var id: Int64
    /// The server that counts it.
    public var serverID: Int64
    /// The meter that counts it.
    public var meter: String
    /// What the meter calls it.
    public var key: String
    /// What the server's agent has verified.
    public var state: CredentialState
    /// Why it is not as asked for; nil where it is.
    @OrNull public var detail: String?
    /// Bytes sent with it.
    public var bytesSent: Int64
    /// Bytes received with it.
    public var bytesReceived: Int64
    /// Bytes sent that may be its, held back because they cannot be proven: charged to nobody.
    public var heldSent: Int64
    /// Bytes received that may be its, held back because they cannot be proven.
    public var heldReceived: Int64
    /// Nanoseconds between the final reading and the removal of its last shut: what passed in them
    /// was not counted. nil where there was no such window.
    @OrNull public var unwatchedNs: Int64?

    enum CodingKeys: String, CodingKey {
        case id
        case serverID = "server_id"
        case meter
        case key
        case state
        case detail
        case bytesSent = "bytes_sent"
        case bytesReceived = "bytes_received"
        case heldSent = "held_sent"
        case heldReceived = "held_received"
        case unwatchedNs = "unwatched_ns"
    }

    /// Makes the value from its parts.
    public init(
        id: Int64, serverID: Int64, meter: String, key: String, state: CredentialState,
        detail: String? = nil, bytesSent: Int64, bytesReceived: Int64, heldSent: Int64 = 0,
        heldReceived: Int64 = 0, unwatchedNs: Int64? = nil
    ) {
        self.id = id
        self.serverID = serverID
        self.meter = meter
        self.key = key
        self.state = state
        self.detail = detail
        self.bytesSent = bytesSent
        self.bytesReceived = bytesReceived
        self.heldSent = heldSent
        self.heldReceived = heldReceived
        self.unwatchedNs = unwatchedNs
    }
}

/// A client's traffic in words.
public struct ClientStats: Codable, Hashable, Sendable {
    /// Bytes sent, such as `1.5 GB`.
    public var sent: String
    /// Bytes received.
    public var received: String
    /// Both together.
    public var total: String
    /// `Online`, `Recently seen`, `Offline` or `Never connected`.
    public var lastSeen: String
    /// Whether it was seen within the last 5 minutes.
    public var isOnline: Bool

    enum CodingKeys: String, CodingKey {
        case sent
        case received
        case total
        case lastSeen = "last_seen"
        case isOnline = "is_online"
    }

    /// Makes the value from its parts.
    public init(
        sent: String, received: String, total: String, lastSeen: String, isOnline: Bool
    ) {
        self.sent = sent
        self.received = received
        self.total = total
        self.lastSeen = lastSeen
        self.isOnline = isOnline
    }
}

/// The answer of `GET /api/clients` and `GET /api/servers/{id}/clients`.
public struct ClientList: Codable, Hashable, Sendable {
    /// Always true.
    public var success: Bool
    /// One page, in the order asked for.
    public var clients: [ClientInfo]
    /// What to send as `cursor` for the next page; nil on the last one.
    @OrNull public var nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case success
        case clients
        case nextCursor = "next_cursor"
    }

    /// Makes the value from its parts.
    public init(
        clients: [ClientInfo], nextCursor: String? = nil
    ) {
        success = true
        self.clients = clients
        self.nextCursor = nextCursor
    }
}

/// The answer of `GET` and `PATCH /api/clients/{id}`.
public struct ClientAnswer: Codable, Hashable, Sendable {
    /// Always true.
    public var success: Bool
    /// The client.
    public var client: ClientInfo

    /// Makes the value from its parts.
    public init(
        client: ClientInfo
    ) {
        success = true
        self.client = client
    }
}

/// The body of `PATCH /api/clients/{id}`.
public struct ClientChange: Codable, Hashable, Sendable {
    /// The new name; nil keeps the old one.
    @OrNull public var name: String?
    /// The new note; nil keeps the old one.
    @OrNull public var note: String?

    /// Makes the value from its parts.
    public init(
        name: String? = nil, note: String? = nil
    ) {
        self.name = name
        self.note = note
    }
}
