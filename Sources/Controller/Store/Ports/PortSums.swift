import Accounting

/// Adds up ports over servers from the counters of several meters, each byte once: on a server a port
/// is taken from what was named, else from the rules that were there.
struct PortSums {
    private struct Place: Hashable {
        let server: Int64
        let place: String?
    }

    private struct Counted {
        var named: [PortKey: PortCounts] = [:]
        var host: [PortKey: PortCounts] = [:]
    }

    private var places: [Place: Counted] = [:]
    /// The meters by their names, read once each.
    private var meters: [String: PortMeter?] = [:]

    /// Adds a counter; what is no port of a `ports` or `packets` meter is passed over.
    mutating func add(
        server: Int64, meter: String, key: String, uplink: Int64, downlink: Int64
    ) {
        guard let detail = self.meter(meter), let key = PortKey(key), case .ports = key else {
            return
        }
        let place = Place(server: server, place: detail.base.place)
        if detail.isNamed {
            detail.add(
                uplink, downlink,
                to: &places[place, default: Counted()].named[key, default: PortCounts()])
        } else {
            detail.add(
                uplink, downlink,
                to: &places[place, default: Counted()].host[key, default: PortCounts()])
        }
    }

    private mutating func meter(_ text: String) -> PortMeter? {
        if let known = meters[text] { return known }
        let meter = PortMeter(text)
        meters[text] = .some(meter)
        return meter
    }

    /// The traffic by ports as they are written, such as `8443`: those of all transports together.
    func sums(_ family: PortFamily) -> [String: PortTraffic] {
        var sums: [String: PortTraffic] = [:]
        for counted in places.values {
            let named = PortMap(counted.named.keys)
            let others = counted.host.filter { !named.overlaps($0.key) }
            for (key, counts) in [counted.named, others].joined() {
                guard case .ports(_, let ports) = key else { continue }
                sums[ports.description, default: PortTraffic()].add(counts.traffic(family))
            }
        }
        return sums
    }
}

/// One of the meters of packet filters, and what it has of the ports.
struct PortMeter {
    /// The meter whose keys these are, `ports/inet` or `ports/host`.
    let base: MeterName
    let isIPv6: Bool
    let arePackets: Bool

    /// Whether its ports were named; else they are of rules that were there.
    var isNamed: Bool { base.device == MeterName.named }

    /// Takes a meter's name; nil for one of another kind.
    init?(_ text: String) {
        guard let name = MeterName(text), name.kind == .ports || name.kind == .packets else {
            return nil
        }
        isIPv6 = name.device.hasSuffix(MeterName.ipv6)
        arePackets = name.kind == .packets
        let device = isIPv6 ? String(name.device.dropLast(MeterName.ipv6.count)) : name.device
        guard !device.isEmpty else { return nil }
        base = MeterName(kind: .ports, device: device, place: name.place)
    }

    /// Adds what a counter of this meter has to a port's.
    func add(_ uplink: Int64, _ downlink: Int64, to counts: inout PortCounts) {
        if isIPv6 {
            counts.ipv6.add(uplink, downlink, arePackets: arePackets)
        } else {
            counts.all.add(uplink, downlink, arePackets: arePackets)
        }
    }
}

/// Which ports of which transports some keys have.
private struct PortMap {
    private var ports: [PortKey.Transport: [Bool]] = [:]

    init(_ keys: some Sequence<PortKey>) {
        for case .ports(let transport, let list) in keys {
            var map = ports[transport] ?? Array(repeating: false, count: 65_536)
            for range in list.ranges {
                for port in range { map[Int(port)] = true }
            }
            ports[transport] = map
        }
    }

    func overlaps(_ key: PortKey) -> Bool {
        guard !ports.isEmpty, case .ports(let transport, let list) = key else { return false }
        return ports.contains { other, map in
            guard other == transport || other == .any || transport == .any else { return false }
            return list.ranges.contains { range in range.contains { map[Int($0)] } }
        }
    }
}
