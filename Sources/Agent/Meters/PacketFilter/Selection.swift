package import Accounting

/// Which of the counters that count the same are believed: one source per key, direction and family
/// (A13). nftables goes before iptables-legacy, one counter of both families before two, the first
/// of equal ones before the others.
///
/// It depends on what the counters are and in which order, not on what they have counted: while a
/// reading's shape stays, so does it.
package struct FilterSelection: Sendable {
    /// The places of those that are believed in the list that was given, ascending.
    package private(set) var believed: [Int] = []
    /// What is counted by nftables and by iptables-legacy both, in that order.
    package private(set) var doubled: [DoubledCounter] = []

    private var choices: [FilterSlot: FilterChoice] = [:]
    /// Every list of ports that is counted, by transport and direction, in the order of the counters.
    private var lists: [FilterSide: [PortList]] = [:]

    /// Chooses among `counters`.
    package init(_ counters: [FilterCounter]) {
        for (index, counter) in counters.enumerated() {
            let slot = FilterSlot(key: counter.key, direction: counter.direction)
            let isNew = choices[slot, default: FilterChoice()].add(index, counter)
            if isNew, case .ports(let transport, let list) = counter.key {
                let side = FilterSide(transport: transport, direction: counter.direction)
                lists[side, default: []].append(list)
            }
        }
        believed = choices.values.flatMap(\.indices).sorted()
        for (slot, choice) in choices {
            guard let (one, other) = choice.doubled else { continue }
            doubled.append(
                DoubledCounter(
                    key: slot.key, direction: slot.direction, believed: counters[one].place,
                    other: counters[other].place, order: one))
        }
        doubled.sort { $0.order < $1.order }
    }

    /// The counters that together count `wanted` and nothing else. One for exactly that goes first;
    /// otherwise a list of ports may be made up of counters for parts of it.
    package func parts(of wanted: PortKey) -> FilterParts {
        var parts = FilterParts()
        for direction in FilterCounter.Direction.allCases {
            let slot = FilterSlot(key: wanted, direction: direction)
            var found: [FilterFamily: [Int]] = [:]
            for family in wanted.families {
                found[family] = choices[slot]?[family].map { [$0] }
            }
            // A counter of both families must not be taken for one of them alone.
            if found.isEmpty, let all = cover(slot, wanted.families, isShared: true) {
                for family in wanted.families { found[family] = all }
            }
            for family in wanted.families where found[family] == nil {
                found[family] = cover(slot, [family], isShared: false)
                if found[family] == nil { parts.missing.append(.init(direction, family)) }
            }
            parts.indices.formUnion(found.values.joined())
        }
        return parts
    }

    /// Counters whose ports together are those wanted, none twice; nil where there are none such.
    private func cover(
        _ slot: FilterSlot, _ families: [FilterFamily], isShared: Bool
    ) -> [Int]? {
        guard case .ports(let transport, let wanted) = slot.key, wanted.count > 1 else {
            return nil
        }
        let side = FilterSide(transport: transport, direction: slot.direction)
        var taken: [PortList] = []
        var indices: [Int] = []
        // Larger ones first: several of them cover most with the fewest counters.
        for list in (lists[side] ?? []).filter(wanted.contains).sorted(by: { $0.count > $1.count })
        {
            let part = FilterSlot(key: .ports(transport, list), direction: slot.direction)
            guard let choice = choices[part], isShared || !choice.isShared,
                !taken.contains(where: list.overlaps)
            else { continue }
            let counting = families.compactMap { choice[$0] }
            guard counting.count == families.count else { continue }
            taken.append(list)
            indices += counting
        }
        return taken.reduce(0) { $0 + $1.count } == wanted.count ? indices : nil
    }
}

/// What more than one packet filter counts: each of its packets passes both.
package struct DoubledCounter: Hashable, Sendable, CustomStringConvertible {
    /// What both count.
    package var key: PortKey
    /// Which way.
    package var direction: FilterCounter.Direction
    /// Where the counter stands that is believed.
    package var believed: String
    /// Where the one stands that is not.
    package var other: String
    fileprivate var order: Int

    /// One sentence for people.
    package var description: String {
        "\(key) (\(direction.rawValue)) is counted in \(believed) and in \(other): the former is used"
    }
}

/// What makes up a key that an operator named.
package struct FilterParts: Hashable, Sendable {
    /// The places of its counters in the list that was given.
    package var indices: Set<Int> = []
    /// What no rule counts of it.
    package var missing: [Missing] = []

    /// One direction of one family.
    package struct Missing: Hashable, Sendable {
        package var direction: FilterCounter.Direction
        package var families: FilterCounter.Families

        fileprivate init(_ direction: FilterCounter.Direction, _ family: FilterFamily) {
            self.direction = direction
            families = family == .ipv4 ? .ipv4 : .ipv6
        }
    }
}
