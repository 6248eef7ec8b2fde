/// One key of one meter of one server: what is counted and can be shut.
public struct CredentialInfo: Codable, Hashable, Sendable {
    /// The credential's id, never reused.
    public var id: Int64
    /// The server that counts it.
    public var serverID: Int64
    /// That server's name.
    public var server: String
    /// The meter that counts it.
    public var meter: String
    /// What the meter calls it.
    public var key: String
    /// Its name in the host's configuration file; nil for none.
    @OrNull public var name: String?
    /// The client that it belongs to; nil for a deleted client's.
    @OrNull public var clientID: Int64?
    /// That client's name; nil for a deleted client's.
    @OrNull public var client: String?
    /// Its tunnel addresses, as CIDR.
    public var addresses: [String]
    /// What the server's agent has verified.
    public var state: CredentialState
    /// What was asked for: `open`, `shut` or `deleted`.
    public var desired: CredentialState
    /// Why it is not as asked for, or cannot be looked at now; nil where neither is so.
    @OrNull public var detail: String?
    /// Whether the last reading had it.
    public var present: Bool
    /// Bytes sent with it.
    public var bytesSent: Int64
    /// Bytes received with it.
    public var bytesReceived: Int64
    /// Bytes sent before counting began: charged to nobody.
    public var baselineSent: Int64
    /// Bytes received before counting began: charged to nobody.
    public var baselineReceived: Int64
    /// Bytes sent that may be its, held back because they cannot be proven: charged to nobody.
    public var heldSent: Int64
    /// Bytes received that may be its, held back because they cannot be proven.
    public var heldReceived: Int64
    /// Nanoseconds between the final reading and the removal of its last shut: what passed in them
    /// was not counted. nil where there was no such window.
    @OrNull public var unwatchedNs: Int64?
    /// Its newest handshake; nil for never.
    @OrNull public var lastHandshake: Timestamp?
    /// When traffic was last booked; nil for never.
    @OrNull public var lastTrafficAt: Timestamp?

    enum CodingKeys: String, CodingKey {
        case id
        case serverID = "server_id"
        case server
        case meter
        case key
        case name
        case clientID = "client_id"
        case client
        case addresses
        case state
        case desired
        case detail
        case present
        case bytesSent = "bytes_sent"
        case bytesReceived = "bytes_received"
        case baselineSent = "baseline_sent"
        case baselineReceived = "baseline_received"
        case heldSent = "held_sent"
        case heldReceived = "held_received"
        case unwatchedNs = "unwatched_ns"
        case lastHandshake = "last_handshake"
        case lastTrafficAt = "last_traffic_at"
    }

    /// Makes the value from its parts.
    public init(
        id: Int64, serverID: Int64, server: String, meter: String, key: String, name: String? = nil,
        clientID: Int64? = nil, client: String? = nil, addresses: [String], state: CredentialState,
        desired: CredentialState, detail: String? = nil, present: Bool, bytesSent: Int64,
        bytesReceived: Int64, baselineSent: Int64, baselineReceived: Int64,
        heldSent: Int64 = 0, heldReceived: Int64 = 0, unwatchedNs: Int64? = nil,
        lastHandshake: Timestamp? = nil, lastTrafficAt: Timestamp? = nil
    ) {
        self.id = id
        self.serverID = serverID
        self.server = server
        self.meter = meter
        self.key = key
        self.name = name
        self.clientID = clientID
        self.client = client
        self.addresses = addresses
        self.state = state
        self.desired = desired
        self.detail = detail
        self.present = present
        self.bytesSent = bytesSent
        self.bytesReceived = bytesReceived
        self.baselineSent = baselineSent
        self.baselineReceived = baselineReceived
        self.heldSent = heldSent
        self.heldReceived = heldReceived
        self.unwatchedNs = unwatchedNs
        self.lastHandshake = lastHandshake
        self.lastTrafficAt = lastTrafficAt
    }
}

/// The answer of `GET /api/credentials`.
public struct CredentialList: Codable, Hashable, Sendable {
    /// Always true.
    public var success: Bool
    /// One page, in the order of their ids.
    public var credentials: [CredentialInfo]
    /// What to send as `cursor` for the next page; nil on the last one.
    @OrNull public var nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case success
        case credentials
        case nextCursor = "next_cursor"
    }

    /// Makes the value from its parts.
    public init(
        credentials: [CredentialInfo], nextCursor: String? = nil
    ) {
        success = true
        self.credentials = credentials
        self.nextCursor = nextCursor
    }
}
