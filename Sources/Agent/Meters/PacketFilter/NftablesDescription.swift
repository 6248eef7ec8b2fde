internal import Accounting
internal import Netlink

extension NftablesRuleset {
    /// Adds the rules that count something that can be named.
    func describeRules(_ survey: inout NftablesSurvey) throws(NetlinkError) {
        survey.counters.reserveCapacity(rules.reduce(0) { $0 + $1.count })
        for index in chains.indices where !hooks(of: index).isEmpty && !rules[index].isEmpty {
            let name = chains[index].name
            guard let table = handles[name.itsTable] else { continue }
            var chain = NftablesSurvey.Chain(request: try NftablesReader.request(rulesOf: name))
            let place = "\(name.tableText) \(name.name)"
            for rule in rules[index] {
                guard let counter = rule.counter,
                    let match = whole(counter, rule.lookups, in: name),
                    let meaning = match.meaning(in: hooks(of: index), comment: rule.comment)
                else { continue }
                chain.rules.append(
                    NftablesSurvey.Rule(
                        handle: rule.handle, ordinal: Int32(truncatingIfNeeded: counter.ordinal),
                        place: Int32(truncatingIfNeeded: survey.counters.count)))
                survey.counters.append(
                    FilterCounter(
                        key: meaning.key, direction: meaning.direction,
                        families: match.families(in: name.family), source: .nftables,
                        place: place, identity: "\(table):\(rule.handle)",
                        packets: counter.count.packets, bytes: counter.count.bytes))
            }
            if !chain.rules.isEmpty { survey.chains.append(chain) }
        }
    }

    /// The match before a counter with the sets that belong to it; nil where elements count.
    private func whole(
        _ counter: NftablesRule.Counter, _ lookups: [NftablesLookup], in chain: NftablesName
    ) -> NftablesMatch? {
        var match = counter.match
        for lookup in lookups.prefix(counter.lookups) {
            let set = set(lookup.set, besides: chain)
            let elements = set.flatMap { self.elements(of: $0) }
            if set?.saysItCounts == true || elements?.hasCounters == true { return nil }
            guard let set, let elements, set.isFixed, lookup.kind == .member,
                let fields = lookup.fields(keyLength: set.keyLength)
            else {
                match.isNarrow = true
                continue
            }
            match.add(fields, anyOf: elements.ranges(ofRanges: set.isOfRanges))
        }
        return match
    }

    /// Adds named counters and quotas; the way is that of the rules that lead packets to them, and
    /// incoming where there are none or they differ.
    func describe(_ objects: [NftablesObject], _ survey: inout NftablesSurvey) {
        let directions = objectDirections
        for object in objects {
            let table = handles[object.name.itsTable] ?? 0
            survey.objects.append(
                NftablesSurvey.Object(handle: object.handle, place: survey.counters.count))
            let source: PortKey.NameSource =
                object.type == NftablesObject.quota ? .quota : .counter
            survey.counters.append(
                FilterCounter(
                    key: .name(source, object.name.name),
                    direction: directions[object.name] == [.outgoing] ? .outgoing : .incoming,
                    families: NftablesMatch().families(in: object.name.family),
                    source: .nftables,
                    place: "\(object.name.tableText) \(source.rawValue) \(object.name.name)",
                    identity: "\(table):\(object.handle)", packets: object.count.packets,
                    bytes: object.count.bytes))
        }
    }

    /// Which ways packets go that rules lead to the objects of each name.
    private var objectDirections: [NftablesName: Set<FilterCounter.Direction>] {
        var ways: [NftablesName: Set<FilterCounter.Direction>] = [:]
        for (index, rules) in rules.enumerated() where !hooks(of: index).isEmpty {
            for rule in rules {
                for object in rule.objects {
                    ways[chains[index].name.beside(object.name), default: []]
                        .formUnion(object.match.directions(in: hooks(of: index)))
                }
            }
        }
        for (chain, _, lookup, set) in lookups where !hooks(of: chain).isEmpty && set.isOfObjects {
            var match = lookup.match
            match.lookAt(lookup.fields(keyLength: set.keyLength) ?? [])
            for name in elements(of: set)?.objects ?? [] {
                ways[set.name.beside(name), default: []]
                    .formUnion(match.directions(in: hooks(of: chain)))
            }
        }
        return ways
    }
}

extension NftablesMatch {
    /// Which ways packets go that come this far: by port or address where they say it, else by hook.
    fileprivate func directions(in hooks: FilterHooks) -> Set<FilterCounter.Direction> {
        if let side, let direction = hooks.direction(of: side) { return [direction] }
        if let addressSide { return [addressSide == .source ? .incoming : .outgoing] }
        return hooks.direction.map { [$0] } ?? [.incoming, .outgoing]
    }

    /// Notes on which side the ports are that a map is asked by.
    fileprivate mutating func lookAt(_ fields: [NftablesRegisters.Content]) {
        if fields.contains(.sourcePort) { add(.source, from: 0, to: .max) }
        if fields.contains(.destinationPort) { add(.destination, from: 0, to: .max) }
    }
}

extension NftablesSurvey {
    /// Adds the elements of a set that count something that can be named, behind all other counters.
    mutating func add(
        _ set: NftablesSet, _ id: NftablesSetID, _ uses: NftablesSetUses,
        _ elements: NftablesElements
    ) {
        var found = Set(set: set, id: id, uses: uses, elements: elements)
        found.first = counters.count
        let place = "\(set.name.tableText) @\(set.name.name)"
        var seen = NftablesKeysSeen()
        // Growing would hold twice what a large set needs.
        if elements.count > 1_000 {
            counters.reserveCapacity(counters.count + elements.count)
            found.indices.reserveCapacity(elements.count)
        }
        elements.forEachRange(ofRanges: set.isOfRanges) { range in
            let comment = elements.comment(at: range.index)
            guard elements.flags[range.index].contains(.counts),
                let said = uses.meaning(of: range, in: set.name.family, comment: comment),
                seen.add(range.first)
            else { return }
            let count = elements.counts[range.index]
            found.indices.append(Int32(truncatingIfNeeded: range.index))
            counters.append(
                FilterCounter(
                    key: said.meaning.key, direction: said.meaning.direction,
                    families: said.families, source: .nftables, place: place,
                    identity: "\(id.table):\(id.set):\(range.first.hexadecimal)",
                    packets: count.packets, bytes: count.bytes))
        }
        sets.append(found)
    }
}

extension ArraySlice<UInt8> {
    /// Two digits a byte.
    fileprivate var hexadecimal: String {
        let digits: StaticString = "0123456789abcdef"
        return String(unsafeUninitializedCapacity: count * 2) { text in
            for (index, byte) in enumerated() {
                text[index * 2] = digits.utf8Start[Int(byte >> 4)]
                text[index * 2 + 1] = digits.utf8Start[Int(byte & 15)]
            }
            return count * 2
        }
    }
}
