package import Accounting

/// What has passed one counter of a port, an address or a name.
package struct PortCount: Hashable, Sendable {
    /// Whose; as a meter's key.
    package var key: Key
    /// Which of its counters, never another's later.
    package var part: String
    /// From the client or to it.
    package var direction: FilterCounter.Direction
    /// Of which packets.
    package var families: FilterCounter.Families
    /// How many packets.
    package var packets: UInt64
    /// Their total length, IP's headers included.
    package var bytes: UInt64

    /// Makes a count.
    package init(
        key: Key, part: String, direction: FilterCounter.Direction,
        families: FilterCounter.Families, packets: UInt64, bytes: UInt64
    ) {
        self.key = key
        self.part = part
        self.direction = direction
        self.families = families
        self.packets = packets
        self.bytes = bytes
    }
}

extension MeterReading {
    /// A reading of a `ports` meter: bytes, and beside them the packets, and what went over IPv6 of
    /// both.
    ///
    /// - Parameters:
    ///   - generation: changes whenever all counters may begin anew, and is never used again.
    ///   - startsFromZero: whether a counter that was never read before began with nothing.
    package init(
        of meter: MeterName, _ counts: [PortCount], generation: String, startsFromZero: Bool,
        at instant: Instant
    ) {
        let reading = { (name: MeterName, some: [PortCount], value: (PortCount) -> UInt64) in
            // Told apart by the meter: a counter goes on under one name alone.
            let incarnation = Incarnation(token: "\(generation):\(name)")
            return Reading(
                meter: name, instant: instant,
                counters: some.map { Counter($0, incarnation, value($0)) },
                startsFromZero: startsFromZero)
        }
        let overIPv6 = counts.filter { $0.families == .ipv6 }
        let packets = meter.ofPackets
        self.init(
            reading: reading(meter, counts, \.bytes), listenPort: nil, fingerprint: nil
        ) { wanted in
            var seen = Set<Key>()
            return counts.lazy.map(\.key)
                .filter { wanted?.contains($0) ?? true && seen.insert($0).inserted }
                .map { PeerSettings(key: $0) }
        }
        companions = [
            reading(packets, counts, \.packets), reading(meter.ofIPv6, overIPv6, \.bytes),
            reading(packets.ofIPv6, overIPv6, \.packets),
        ]
    }
}

extension Counter {
    fileprivate init(_ count: PortCount, _ incarnation: Incarnation, _ value: UInt64) {
        let isUplink = count.direction == .incoming
        self.init(
            key: count.key, source: CounterSource(part: count.part, incarnation: incarnation),
            value: Traffic(uplink: isUplink ? value : 0, downlink: isUplink ? 0 : value))
    }
}
