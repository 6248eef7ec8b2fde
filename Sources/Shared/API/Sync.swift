/// The answer of `POST /api/servers/{id}/sync-stats`.
public struct ServerSync: Codable, Hashable, Sendable {
    /// Always true.
    public var success: Bool
    /// Clients whose counters were read just now; 0 where the agent is away.
    public var synced: Int
    /// The end of the newest reading that was booked; nil for none.
    @OrNull public var lastSyncAt: Timestamp?
    /// Why nothing was read; nil where it was.
    @OrNull public var message: String?

    enum CodingKeys: String, CodingKey {
        case success
        case synced
        case lastSyncAt = "last_sync_at"
        case message
    }

    /// Makes the value from its parts.
    public init(
        synced: Int, lastSyncAt: Timestamp? = nil, message: String? = nil
    ) {
        success = true
        self.synced = synced
        self.lastSyncAt = lastSyncAt
        self.message = message
    }
}

/// The answer of `POST /api/clients/{id}/sync-stats`.
public struct ClientSync: Codable, Hashable, Sendable {
    /// Always true.
    public var success: Bool
    /// Its traffic, read just now.
    public var stats: ClientStats
    /// The oldest of its servers' newest readings; nil for none yet.
    @OrNull public var lastSyncAt: Timestamp?
    /// Which servers were away; nil where none was.
    @OrNull public var message: String?

    enum CodingKeys: String, CodingKey {
        case success
        case stats
        case lastSyncAt = "last_sync_at"
        case message
    }

    /// Makes the value from its parts.
    public init(
        stats: ClientStats, lastSyncAt: Timestamp? = nil, message: String? = nil
    ) {
        success = true
        self.stats = stats
        self.lastSyncAt = lastSyncAt
        self.message = message
    }
}
