/// What one meter's clients were charged in one hour, beside what its device carried.
public struct MeterDrift: Codable, Hashable, Sendable {
    /// The hour's beginning.
    public var start: Timestamp
    /// The meter, such as `wireguard/wg0`.
    public var meter: String
    /// Bytes that its clients have sent, as they were charged.
    public var chargedSent: Int64
    /// Bytes that its clients have received, as they were charged.
    public var chargedReceived: Int64
    /// Bytes that came in through the device from its clients; nil where nothing counts them.
    @OrNull public var observedSent: Int64?
    /// Bytes that went out through the device to its clients; nil where nothing counts them.
    @OrNull public var observedReceived: Int64?

    enum CodingKeys: String, CodingKey {
        case start
        case meter
        case chargedSent = "charged_sent"
        case chargedReceived = "charged_received"
        case observedSent = "observed_sent"
        case observedReceived = "observed_received"
    }

    /// Makes the value from its parts.
    public init(
        start: Timestamp, meter: String, chargedSent: Int64, chargedReceived: Int64,
        observedSent: Int64? = nil, observedReceived: Int64? = nil
    ) {
        self.start = start
        self.meter = meter
        self.chargedSent = chargedSent
        self.chargedReceived = chargedReceived
        self.observedSent = observedSent
        self.observedReceived = observedReceived
    }
}

/// The answer of `GET /api/servers/{id}/drift`.
public struct DriftAnswer: Codable, Hashable, Sendable {
    /// Always true.
    public var success: Bool
    /// By hour, then by meter; hours without traffic are left out.
    public var drift: [MeterDrift]

    /// Makes the value from its parts.
    public init(drift: [MeterDrift]) {
        success = true
        self.drift = drift
    }
}
