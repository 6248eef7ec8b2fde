internal import Accounting

/// What a counter may count together with others.
struct FilterSlot: Hashable, Sendable {
    var key: PortKey
    var direction: FilterCounter.Direction
}

/// Whose lists of ports can be parts of one.
struct FilterSide: Hashable, Sendable {
    var transport: PortKey.Transport
    var direction: FilterCounter.Direction
}

/// One family of packets.
enum FilterFamily: Hashable, Sendable, CaseIterable {
    case ipv4
    case ipv6
}

/// The counters of one slot: the first of each source and of each kind.
struct FilterChoice: Sendable {
    /// Of one source.
    private struct Firsts {
        var both: Int?
        var ipv4: Int?
        var ipv6: Int?

        subscript(family: FilterFamily) -> Int? { both ?? (family == .ipv4 ? ipv4 : ipv6) }
    }

    private var nftables = Firsts()
    private var legacy = Firsts()

    /// Takes the counter at `index`; true where it is the slot's first.
    mutating func add(_ index: Int, _ counter: FilterCounter) -> Bool {
        let isFirst = self[.ipv4] == nil && self[.ipv6] == nil
        switch counter.source {
        case .nftables: Self.add(index, counter.families, to: &nftables)
        case .legacy: Self.add(index, counter.families, to: &legacy)
        }
        return isFirst
    }

    private static func add(
        _ index: Int, _ families: FilterCounter.Families, to firsts: inout Firsts
    ) {
        switch families {
        case .both: firsts.both = firsts.both ?? index
        case .ipv4: firsts.ipv4 = firsts.ipv4 ?? index
        case .ipv6: firsts.ipv6 = firsts.ipv6 ?? index
        }
    }

    /// The believed counter of a family.
    subscript(family: FilterFamily) -> Int? { nftables[family] ?? legacy[family] }

    /// Each that is believed, once.
    var indices: Set<Int> { Set(FilterFamily.allCases.compactMap { self[$0] }) }

    /// Whether one counter stands for both families.
    var isShared: Bool { nftables.both != nil || legacy.both != nil }

    /// A believed counter of nftables and one of iptables-legacy for the same packets.
    var doubled: (believed: Int, other: Int)? {
        for family in FilterFamily.allCases {
            if let believed = nftables[family], let other = legacy[family] {
                return (believed, other)
            }
        }
        return nil
    }
}

extension PortKey {
    /// The families of which there can be packets.
    var families: [FilterFamily] {
        guard case .address(let range) = self else { return FilterFamily.allCases }
        return range.isIPv6 ? [.ipv6] : [.ipv4]
    }
}

extension PortList {
    /// Whether every port of `other` is one of these.
    func contains(_ other: PortList) -> Bool {
        other.ranges.allSatisfy { range in
            ranges.contains { $0.contains(range.lowerBound) && $0.contains(range.upperBound) }
        }
    }
}
