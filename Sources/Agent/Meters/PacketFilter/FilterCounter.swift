package import Accounting

/// What one rule, element or object of a packet filter has counted.
package struct FilterCounter: Hashable, Sendable {
    /// What it counts.
    package var key: PortKey
    /// Which way.
    package var direction: Direction
    /// Of which packets.
    package var families: Families
    /// Which program's tables it stands in.
    package var source: Source
    /// Where it stands, for people: `iptables filter INPUT`, `inet filter input`.
    package var place: String
    /// What names this counter and no later one: a handle, or, where the filter has none, all that
    /// makes the rule what it is and how many of the same stand before it.
    package var identity: String
    /// What is counted.
    package var packets: UInt64
    /// IP's total length of each packet, headers included.
    package var bytes: UInt64

    /// From the client or to it.
    package enum Direction: String, Hashable, Sendable, CaseIterable {
        /// From clients to this host: uplink, input.
        case incoming = "in"
        /// From this host to clients: downlink, output.
        case outgoing = "out"
    }

    /// IPv4, IPv6, or both with one counter.
    package enum Families: String, Hashable, Sendable, CaseIterable {
        case ipv4 = "4"
        case ipv6 = "6"
        case both = "46"
    }

    /// In the order in which one of several that count the same is believed (A13).
    package enum Source: Int, Hashable, Sendable, CaseIterable, Comparable {
        /// A table of nftables, also those that iptables-nft makes.
        case nftables
        /// iptables-legacy and ip6tables-legacy.
        case legacy

        /// Whether `one` is believed before `other`.
        package static func < (one: Source, other: Source) -> Bool {
            one.rawValue < other.rawValue
        }
    }

    /// Makes a counter.
    package init(
        key: PortKey, direction: Direction, families: Families, source: Source, place: String,
        identity: String, packets: UInt64, bytes: UInt64
    ) {
        self.key = key
        self.direction = direction
        self.families = families
        self.source = source
        self.place = place
        self.identity = identity
        self.packets = packets
        self.bytes = bytes
    }
}
