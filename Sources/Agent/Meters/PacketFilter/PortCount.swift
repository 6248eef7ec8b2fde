package import Accounting

/// What has passed one counter of a port, an address or a name.
package struct PortCount: Sendable {
    /// Whose; as a meter's key.
    package var key: Key
    /// Which of its counters.
    package var part: PortPart
    /// How many packets.
    package var packets: UInt64
    /// Their total length, IP's headers included.
    package var bytes: UInt64

    /// Makes a count.
    package init(key: Key, part: PortPart, packets: UInt64, bytes: UInt64) {
        self.key = key
        self.part = part
        self.packets = packets
        self.bytes = bytes
    }
}

/// A `ports` meter and its companions: what went over IPv6 alone, and the packets of both. Counters go
/// on under one meter alone, so each has incarnations of its own.
package struct PortMeters: Sendable {
    /// The meter itself.
    package let name: MeterName
    fileprivate let bytes: Incarnation
    fileprivate let packets: Incarnation
    fileprivate let bytesOverIPv6: Incarnation
    fileprivate let packetsOverIPv6: Incarnation

    /// Names the incarnations of `name`'s counters. `generation` changes whenever all of them may
    /// begin anew, and is never used again.
    package init(_ name: MeterName, generation: String) {
        self.name = name
        let incarnation = { (meter: MeterName) in Incarnation(token: "\(generation):\(meter)") }
        bytes = incarnation(name)
        packets = incarnation(name.packets)
        bytesOverIPv6 = incarnation(name.overIPv6)
        packetsOverIPv6 = incarnation(name.packets.overIPv6)
    }
}

/// One of a key's counters, and never another's later; keys may share one part among them.
package final class PortPart: Sendable {
    fileprivate let direction: FilterCounter.Direction
    fileprivate let isIPv6: Bool
    fileprivate let bytes: CounterSource
    fileprivate let packets: CounterSource
    fileprivate let bytesOverIPv6: CounterSource?
    fileprivate let packetsOverIPv6: CounterSource?

    /// Makes a part. `identity` tells it from the key's others of the same direction and families.
    package init(
        _ direction: FilterCounter.Direction, _ families: FilterCounter.Families,
        identity: String, of meters: PortMeters
    ) {
        self.direction = direction
        isIPv6 = families == .ipv6
        let part = "\(direction == .incoming ? "i" : "o")\(families.rawValue)\(identity)"
        bytes = CounterSource(part: part, incarnation: meters.bytes)
        packets = CounterSource(part: part, incarnation: meters.packets)
        bytesOverIPv6 =
            isIPv6 ? CounterSource(part: part, incarnation: meters.bytesOverIPv6) : nil
        packetsOverIPv6 =
            isIPv6 ? CounterSource(part: part, incarnation: meters.packetsOverIPv6) : nil
    }
}

extension MeterReading {
    /// A reading of a `ports` meter: bytes, and beside them the packets, and what went over IPv6 of
    /// both. `startsFromZero`: whether a counter that was never read before began with nothing.
    package init(
        _ counts: [PortCount], of meters: PortMeters, startsFromZero: Bool, at instant: Instant
    ) {
        let reading = { (name: MeterName, counters: [Counter]) in
            Reading(
                meter: name, instant: instant, counters: counters, startsFromZero: startsFromZero)
        }
        var bytes: [Counter] = []
        var packets: [Counter] = []
        bytes.reserveCapacity(counts.count)
        packets.reserveCapacity(counts.count)
        var (bytesOverIPv6, packetsOverIPv6): ([Counter], [Counter]) = ([], [])
        for count in counts {
            let part = count.part
            bytes.append(Counter(count, part.bytes, count.bytes))
            packets.append(Counter(count, part.packets, count.packets))
            guard let source = part.bytesOverIPv6, let other = part.packetsOverIPv6 else {
                continue
            }
            bytesOverIPv6.append(Counter(count, source, count.bytes))
            packetsOverIPv6.append(Counter(count, other, count.packets))
        }
        let name = meters.name
        self.init(
            reading: reading(name, bytes), listenPort: nil, fingerprint: nil
        ) { wanted in
            var seen = Set<Key>()
            var peers: [PeerSettings] = []
            for count in counts where wanted?.contains(count.key) ?? true {
                if seen.insert(count.key).inserted { peers.append(PeerSettings(key: count.key)) }
            }
            return peers
        }
        companions = [
            reading(name.packets, packets), reading(name.overIPv6, bytesOverIPv6),
            reading(name.packets.overIPv6, packetsOverIPv6),
        ]
    }
}

extension Counter {
    fileprivate init(_ count: PortCount, _ source: CounterSource, _ value: UInt64) {
        let isUplink = count.part.direction == .incoming
        self.init(
            key: count.key, source: source,
            value: Traffic(uplink: isUplink ? value : 0, downlink: isUplink ? 0 : value))
    }
}
