/// What a controller that was put back from an old backup still lacks of a server.
public enum Recovery: String, Codable, Hashable, Sendable {
    /// The desired state that its agent holds.
    case desiredSet = "desired_set"
    /// What was counted since the backup.
    case usage
}

/// A credential that was opened since the backup that the controller was put back from.
public struct ReopenedCredential: Codable, Hashable, Sendable {
    /// The credential's id.
    public var id: Int64
    /// The client that it belongs to.
    public var clientID: Int64
    /// That client's name.
    public var client: String
    /// The meter that counts it.
    public var meter: String
    /// What the meter calls it.
    public var key: String

    enum CodingKeys: String, CodingKey {
        case id
        case clientID = "client_id"
        case client
        case meter
        case key
    }

    /// Makes the value from its parts.
    public init(id: Int64, clientID: Int64, client: String, meter: String, key: String) {
        self.id = id
        self.clientID = clientID
        self.client = client
        self.meter = meter
        self.key = key
    }
}
