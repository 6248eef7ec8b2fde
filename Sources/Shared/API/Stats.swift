/// The answer of `GET /api/stats`.
public struct StatsData: Codable, Hashable, Sendable {
    /// Always true.
    public var success: Bool
    /// Groups with their users; empty where there are none.
    public var groups: [StatsGroup]
    /// Everything together.
    public var systemTotal: StatsTotal

    enum CodingKeys: String, CodingKey {
        case success
        case groups
        case systemTotal = "system_total"
    }

    /// Makes the value from its parts.
    public init(
        groups: [StatsGroup], systemTotal: StatsTotal
    ) {
        success = true
        self.groups = groups
        self.systemTotal = systemTotal
    }
}

/// One group's traffic.
public struct StatsGroup: Codable, Hashable, Sendable {
    /// The inbound's port; nil where the group is no inbound.
    @OrNull public var port: Int?
    /// The inbound's protocol; nil where the group is no inbound.
    @OrNull public var protocolName: String?
    /// The group's name.
    public var tag: String
    /// Its server; nil for a group over several.
    @OrNull public var serverID: Int64?
    /// Its users.
    public var users: [StatsUser]
    /// All of them together.
    public var groupTotal: StatsSum

    enum CodingKeys: String, CodingKey {
        case port
        case protocolName = "protocol"
        case tag
        case serverID = "server_id"
        case users
        case groupTotal = "group_total"
    }

    /// Makes the value from its parts.
    public init(
        port: Int? = nil, protocolName: String? = nil, tag: String, serverID: Int64? = nil,
        users: [StatsUser], groupTotal: StatsSum
    ) {
        self.port = port
        self.protocolName = protocolName
        self.tag = tag
        self.serverID = serverID
        self.users = users
        self.groupTotal = groupTotal
    }
}

/// One user's traffic within a group.
public struct StatsUser: Codable, Hashable, Sendable {
    /// What the proxy calls the user.
    public var email: String
    /// Bytes sent.
    public var uplink: Int64
    /// Bytes received.
    public var downlink: Int64
    /// Both together.
    public var total: Int64

    /// Makes the value from its parts.
    public init(
        email: String, uplink: Int64, downlink: Int64, total: Int64
    ) {
        self.email = email
        self.uplink = uplink
        self.downlink = downlink
        self.total = total
    }
}

/// Traffic in both directions.
public struct StatsSum: Codable, Hashable, Sendable {
    /// Bytes sent.
    public var uplink: Int64
    /// Bytes received.
    public var downlink: Int64
    /// Both together.
    public var total: Int64

    /// Makes the value from its parts.
    public init(
        uplink: Int64, downlink: Int64, total: Int64
    ) {
        self.uplink = uplink
        self.downlink = downlink
        self.total = total
    }
}

/// The whole fleet's traffic.
public struct StatsTotal: Codable, Hashable, Sendable {
    /// Bytes sent.
    public var uplink: Int64
    /// Bytes received.
    public var downlink: Int64
    /// Both together.
    public var total: Int64
    /// Clients with traffic in the last 5 minutes.
    public var activeUsers: Int
    /// Groups with traffic in the last 5 minutes.
    public var activeGroups: Int

    enum CodingKeys: String, CodingKey {
        case uplink
        case downlink
        case total
        case activeUsers = "active_users"
        case activeGroups = "active_groups"
    }

    /// Makes the value from its parts.
    public init(
        uplink: Int64, downlink: Int64, total: Int64, activeUsers: Int, activeGroups: Int
    ) {
        self.uplink = uplink
        self.downlink = downlink
        self.total = total
        self.activeUsers = activeUsers
        self.activeGroups = activeGroups
    }
}
