/// A port or address that is counted on one server.
public struct PortInfo: Codable, Hashable, Sendable {
    /// Its credential's id.
    public var id: Int64
    /// The server that counts it.
    public var serverID: Int64
    /// That server's name.
    public var server: String
    /// Such as `tcp/8443`, `udp/1000-1999`, `ip/10.8.1.2`, or what a rule calls it: `comment/alice`.
    public var port: String
    /// The meter that counts it.
    public var meter: String
    /// Who counts it.
    public var source: PortSource
    /// The client that is charged; nil where nobody is.
    @OrNull public var clientID: Int64?
    /// That client's name; nil where nobody is charged.
    @OrNull public var client: String?
    /// Its group; nil for none.
    @OrNull public var group: String?
    /// What the server's agent has verified.
    public var state: CredentialState
    /// What was asked for.
    public var desired: CredentialState
    /// Why it is not as asked for, or cannot be looked at now; nil where neither is so.
    @OrNull public var detail: String?
    /// Whether the host's own configuration names it.
    public var configured: Bool
    /// Whether the last reading had it.
    public var present: Bool
    /// Bytes that came in.
    public var inputBytes: Int64
    /// Bytes that went out.
    public var outputBytes: Int64
    /// Packets that came in.
    public var inputPackets: Int64
    /// Packets that went out.
    public var outputPackets: Int64
    /// When traffic was last booked; nil for never.
    @OrNull public var lastTrafficAt: Timestamp?

    enum CodingKeys: String, CodingKey {
        case id
        case serverID = "server_id"
        case server
        case port
        case meter
        case source
        case clientID = "client_id"
        case client
        case group
        case state
        case desired
        case detail
        case configured
        case present
        case inputBytes = "input_bytes"
        case outputBytes = "output_bytes"
        case inputPackets = "input_packets"
        case outputPackets = "output_packets"
        case lastTrafficAt = "last_traffic_at"
    }

    /// Makes the value from its parts.
    public init(
        id: Int64, serverID: Int64, server: String, port: String, meter: String,
        source: PortSource, clientID: Int64? = nil, client: String? = nil, group: String? = nil,
        state: CredentialState, desired: CredentialState, detail: String? = nil,
        configured: Bool, present: Bool, traffic: IptablesTraffic,
        lastTrafficAt: Timestamp? = nil
    ) {
        self.id = id
        self.serverID = serverID
        self.server = server
        self.port = port
        self.meter = meter
        self.source = source
        self.clientID = clientID
        self.client = client
        self.group = group
        self.state = state
        self.desired = desired
        self.detail = detail
        self.configured = configured
        self.present = present
        inputBytes = traffic.inputBytes
        outputBytes = traffic.outputBytes
        inputPackets = traffic.inputPackets
        outputPackets = traffic.outputPackets
        self.lastTrafficAt = lastTrafficAt
    }
}

/// Who counts a port.
public enum PortSource: String, Codable, Hashable, Sendable {
    /// Somebody named it, and the agent counts it.
    case own
    /// Rules that were on the host; charged to nobody.
    case host
}

/// The answer of `GET /api/ports`.
public struct PortPage: Codable, Hashable, Sendable {
    /// Always true.
    public var success: Bool
    /// One page, in the order of their ids.
    public var ports: [PortInfo]
    /// What to send as `cursor` for the next page; nil on the last one.
    @OrNull public var nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case success
        case ports
        case nextCursor = "next_cursor"
    }

    /// Makes the value from its parts.
    public init(ports: [PortInfo], nextCursor: String? = nil) {
        success = true
        self.ports = ports
        self.nextCursor = nextCursor
    }
}

/// The answer of every change of ports.
public struct PortAnswer: Codable, Hashable, Sendable {
    /// Always true: the change is saved, even where it is not yet enforced.
    public var success: Bool
    /// What happened, in words.
    public var message: String
    /// How far it has got.
    public var enforcement: Enforcement
    /// The ports that it concerns, as they are now.
    public var ports: [PortInfo]

    /// Makes the value from its parts.
    public init(message: String, enforcement: Enforcement, ports: [PortInfo]) {
        success = true
        self.message = message
        self.enforcement = enforcement
        self.ports = ports
    }
}

/// The body of `POST /api/servers/{id}/ports`.
public struct NewPort: Codable, Hashable, Sendable {
    /// `tcp/8443`, `8443` for tcp and udp, `tcp/1000-1999`, `ip/10.8.1.2`.
    public var port: String
    /// The name of its client; nil for another way to say it, or for a client of its own.
    public var client: String?
    /// The id of its client; nil for another way to say it, or for a client of its own.
    public var clientID: Int64?
    /// Its group; nil for none, or for the one that it has.
    public var group: String?

    enum CodingKeys: String, CodingKey {
        case port
        case client
        case clientID = "client_id"
        case group
    }

    /// Makes the value from its parts.
    public init(
        port: String, client: String? = nil, clientID: Int64? = nil, group: String? = nil
    ) {
        self.port = port
        self.client = client
        self.clientID = clientID
        self.group = group
    }
}

/// The body of `PATCH /api/servers/{id}/ports/{port}`.
public struct PortChange: Codable, Hashable, Sendable {
    /// The name of the client that it goes to; nil: it stays, or `clientID` says.
    public var client: String?
    /// The id of the client that it goes to; nil: it stays, or `client` says.
    public var clientID: Int64?
    /// The group that it goes into, empty for none; nil: it stays.
    public var group: String?

    enum CodingKeys: String, CodingKey {
        case client
        case clientID = "client_id"
        case group
    }

    /// Makes the value from its parts.
    public init(client: String? = nil, clientID: Int64? = nil, group: String? = nil) {
        self.client = client
        self.clientID = clientID
        self.group = group
    }
}

/// The body of `POST /api/servers/{id}/ports/{port}/shut`; none is the same as not forced.
public struct PortForce: Codable, Hashable, Sendable {
    /// Whether to shut it even where the agent protects it.
    public var force: Bool

    /// Makes the value.
    public init(force: Bool) {
        self.force = force
    }
}
