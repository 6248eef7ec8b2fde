/// Bytes that a client sent and received, both seen from the client's side.
public struct Traffic: Hashable, Sendable {
    /// Bytes that the client sent. WireGuard's `rx_bytes` of a peer is that client's uplink.
    public var uplink: UInt64
    /// Bytes that the client received.
    public var downlink: UInt64

    /// No traffic in either direction.
    public static let zero = Traffic(uplink: 0, downlink: 0)

    /// Makes a value from bytes sent and bytes received.
    public init(uplink: UInt64, downlink: UInt64) {
        self.uplink = uplink
        self.downlink = downlink
    }

    /// Whether neither direction is lower than in `other`.
    public func isAtLeast(_ other: Traffic) -> Bool {
        uplink >= other.uplink && downlink >= other.downlink
    }

    /// Both directions added; nil where a sum does not fit 64 bits.
    public func adding(_ other: Traffic) -> Traffic? {
        let up = uplink.addingReportingOverflow(other.uplink)
        let down = downlink.addingReportingOverflow(other.downlink)
        guard !up.overflow, !down.overflow else { return nil }
        return Traffic(uplink: up.partialValue, downlink: down.partialValue)
    }

    /// What was gained since `earlier`; nil where a direction is lower than it was.
    public func gained(since earlier: Traffic) -> Traffic? {
        guard isAtLeast(earlier) else { return nil }
        return Traffic(uplink: uplink - earlier.uplink, downlink: downlink - earlier.downlink)
    }
}
