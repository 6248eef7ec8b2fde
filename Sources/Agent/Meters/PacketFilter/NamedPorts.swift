package import Accounting
internal import Netlink

/// The agent's own table, as far as it counts ports.
package protocol PortCounters: AnyObject {
    /// Reads every counter; none where there is no table.
    func read() throws(MeterError) -> [OwnCounter]
    /// Says which ports and addresses are counted, and which are shut, from the next `apply` on.
    func setPorts(counted: Set<PortKey>, shut: Set<PortKey>)
    /// Brings the table to what was said, and verifies it; whether something was changed.
    func apply() throws(MeterError) -> Bool
    /// Whether this object has made the table of that handle: its counters began with nothing.
    func hasMade(_ handle: UInt64) -> Bool
    /// The namespace's cookie, never reused within a boot.
    func namespaceCookie() throws(MeterError) -> UInt64
}

/// What operators name, counted by the agent's own table: `ports/inet`.
package final class NamedPorts: PortTable {
    /// `ports/inet`.
    package let name = MeterName(kind: .ports, device: MeterName.named)
    /// The kernel's counters, which stay while nothing passes.
    package let traits = MeterTraits(source: "kernel", blocksInPlace: true)

    private let clock: HostClock
    private let table: any PortCounters
    /// The last reading's counters in their order, which the kernel keeps while nothing is added.
    private var last: [(port: PortKey, key: Key)] = []
    private var parts: OwnParts?

    /// Counts in `table`.
    package init(clock: HostClock, table: any PortCounters) {
        self.clock = clock
        self.table = table
    }

    /// Reads every counter. New ones start from zero where this agent made the table; those of one
    /// that another program has put back may hold old counts.
    package func read() throws(MeterError) -> MeterReading {
        let counters = try table.read()
        var parts = try parts(of: counters.first?.table ?? 0)
        var counts: [PortCount] = []
        counts.reserveCapacity(counters.count)
        if last.count > counters.count { last.removeLast(last.count - counters.count) }
        for (place, counter) in counters.enumerated() {
            guard let key = key(of: counter.key, at: place) else { continue }
            counts.append(
                PortCount(
                    key: key, part: parts.part(of: counter), packets: counter.packets,
                    bytes: counter.bytes))
        }
        self.parts = parts
        return MeterReading(
            counts, of: parts.meters, startsFromZero: table.hasMade(parts.table), at: clock.now())
    }

    package func bring(counted: Set<PortKey>, shut: Set<PortKey>) throws(MeterError) -> Bool {
        table.setPorts(counted: counted, shut: shut)
        return try table.apply()
    }

    private func parts(of table: UInt64) throws(MeterError) -> OwnParts {
        if let parts, parts.table == table { return parts }
        let space = "\(clock.boot):\(try self.table.namespaceCookie())"
        return OwnParts(
            table: table, meters: PortMeters(name, generation: "table:\(space):\(table)"))
    }

    /// The text of a key is made once: mostly the same one stands at the same place.
    private func key(of port: PortKey, at place: Int) -> Key? {
        if place < last.count, last[place].port == port { return last[place].key }
        guard let key = port.key else { return nil }
        if place < last.count {
            last[place] = (port, key)
        } else if place == last.count {
            last.append((port, key))
        }
        return key
    }
}

/// The parts of a table's counters. Those that were added together share one for each direction and
/// family.
private struct OwnParts {
    let table: UInt64
    let meters: PortMeters
    private var newest: [(token: UInt64, part: PortPart)?] = [nil, nil, nil, nil]

    init(table: UInt64, meters: PortMeters) {
        self.table = table
        self.meters = meters
    }

    mutating func part(of counter: OwnCounter) -> PortPart {
        let slot = (counter.direction == .incoming ? 0 : 2) + (counter.isIPv6 ? 1 : 0)
        if let last = newest[slot], last.token == counter.token { return last.part }
        let part = PortPart(
            counter.direction, counter.isIPv6 ? .ipv6 : .ipv4,
            identity: String(counter.token, radix: 36), of: meters)
        newest[slot] = (counter.token, part)
        return part
    }
}

/// What operators name on a host that is only observed: counted by its own rules, where there are
/// any.
package final class ObservedPorts: PortTable {
    /// `ports/inet`.
    package let name = MeterName(kind: .ports, device: MeterName.named)
    /// The kernel's counters, with nothing to open or shut.
    package let traits = MeterTraits(source: "kernel", blocksInPlace: true)

    private let clock: HostClock
    private let rules: HostRules
    private let meters: PortMeters
    private var counted: Set<PortKey> = []

    /// Counts by `rules`.
    package init(clock: HostClock, rules: HostRules) {
        self.clock = clock
        self.rules = rules
        meters = PortMeters(name, generation: rules.generation)
    }

    /// Reads the rules that count what is named. One may have been put back with old counts.
    package func read() throws(MeterError) -> MeterReading {
        let counts = try rules.counters(of: counted).compactMap { port, counter in
            port.key.map {
                PortCount(
                    key: $0, part: PortPart(counter, of: meters), packets: counter.packets,
                    bytes: counter.bytes)
            }
        }
        return MeterReading(counts, of: meters, startsFromZero: false, at: clock.now())
    }

    /// Nothing is shut there.
    package func bring(counted: Set<PortKey>, shut: Set<PortKey>) throws(MeterError) -> Bool {
        defer { self.counted = counted }
        return self.counted != counted
    }
}
