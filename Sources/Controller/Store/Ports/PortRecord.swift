/// What went through a port, from its client's side.
package struct PortTraffic: Hashable, Sendable {
    /// Bytes that came in: what the client sent.
    package var uplink: Int64 = 0
    /// Bytes that went out.
    package var downlink: Int64 = 0
    /// Packets that came in.
    package var uplinkPackets: Int64 = 0
    /// Packets that went out.
    package var downlinkPackets: Int64 = 0

    /// Nothing.
    package init() {}

    mutating func add(_ other: PortTraffic) {
        uplink = uplink.addingClamped(other.uplink)
        downlink = downlink.addingClamped(other.downlink)
        uplinkPackets = uplinkPackets.addingClamped(other.uplinkPackets)
        downlinkPackets = downlinkPackets.addingClamped(other.downlinkPackets)
    }

    mutating func add(_ up: Int64, _ down: Int64, arePackets: Bool) {
        var other = PortTraffic()
        if arePackets {
            (other.uplinkPackets, other.downlinkPackets) = (up, down)
        } else {
            (other.uplink, other.downlink) = (up, down)
        }
        add(other)
    }

    /// What is left without `part` of it.
    func without(_ part: PortTraffic) -> PortTraffic {
        var rest = PortTraffic()
        rest.uplink = max(uplink - part.uplink, 0)
        rest.downlink = max(downlink - part.downlink, 0)
        rest.uplinkPackets = max(uplinkPackets - part.uplinkPackets, 0)
        rest.downlinkPackets = max(downlinkPackets - part.downlinkPackets, 0)
        return rest
    }
}

/// Which traffic is asked for.
package enum PortFamily: String, Sendable, CaseIterable {
    case all
    case ipv4
    case ipv6
}

/// A port's traffic, and what of it went over IPv6.
package struct PortCounts: Hashable, Sendable {
    package var all = PortTraffic()
    package var ipv6 = PortTraffic()

    /// The traffic of one family.
    package func traffic(_ family: PortFamily) -> PortTraffic {
        switch family {
        case .all: all
        case .ipv4: all.without(ipv6)
        case .ipv6: ipv6
        }
    }
}

/// A port that is counted on a server: because somebody named it, or by a rule that was there.
package struct PortRecord: Hashable, Sendable {
    package var credential: CredentialRecord
    package var counts = PortCounts()
    /// Empty for none.
    package var group = ""
    /// Whether the host's own configuration names it.
    package var isConfigured = false
}
