import Accounting

/// Which ports and addresses are counted under a key already: a byte is charged once, so none of them
/// is counted under two. (A port and an address are two things: a service's bytes and a client's.)
struct PortClaims {
    private var singles: [PortKey.Transport: Set<UInt16>] = [:]
    private var lists: [PortKey.Transport: [PortList]] = [:]
    private var networks: Set<AddressRange> = []
    private var prefixes: Set<Int> = []

    /// Claims what `key` names; returns the key that has some of it already, and then claims nothing.
    mutating func claim(_ key: PortKey) -> PortKey? {
        switch key {
        case .ports(let transport, let list):
            if let other = owner(of: list, transport) { return .ports(transport, other) }
            if let port = list.single {
                singles[transport, default: []].insert(port)
            } else {
                lists[transport, default: []].append(list)
            }
        case .address(let range):
            if let other = owner(of: range) { return .address(other) }
            networks.insert(range.network)
            prefixes.insert(Int(range.prefixLength))
        case .name: break
        }
        return nil
    }

    private func owner(of list: PortList, _ transport: PortKey.Transport) -> PortList? {
        let others = singles[transport] ?? []
        if let port = list.ranges.joined().first(where: others.contains) { return PortList(port) }
        return lists[transport]?.first { $0.overlaps(list) }
    }

    /// Networks around the range are few lengths to look for; those within it take a walk, which a
    /// single address is spared.
    private func owner(of range: AddressRange) -> AddressRange? {
        for length in prefixes where length <= range.prefixLength {
            let around = AddressRange(bytes: range.bytes, prefixLength: UInt8(length))?.network
            if let around, networks.contains(around) { return around }
        }
        guard prefixes.contains(where: { $0 > range.prefixLength }) else { return nil }
        return networks.first { range.contains($0) }
    }
}
