internal import Accounting
internal import Netlink

/// A ruleset as it was dumped, being put together. Pure: what it needs read it asks for by lists.
struct NftablesRuleset {
    private let handles: [NftablesName: UInt64]
    let chains: [NftablesChain]
    private let places: [NftablesName: Int]
    private let sets: [NftablesName: NftablesSet]
    private var reach: NftablesReach
    /// The rules of each chain that count or use something.
    private var rules: [[NftablesRule]]
    private var fixed: [NftablesName: NftablesElements] = [:]

    /// Begins with everything but rules.
    init(tables: [NftablesTable], chains: [NftablesChain], sets: [NftablesSet]) {
        handles = Dictionary(tables.map { ($0.name, $0.handle) }) { $1 }
        self.chains = chains
        places = Dictionary(chains.enumerated().map { ($1.name, $0) }) { $1 }
        self.sets = Dictionary(sets.map { ($0.name, $0) }) { $1 }
        reach = NftablesReach(chains.map(\.hooks))
        rules = Array(repeating: [], count: chains.count)
    }

    /// Adds the rules of the chain `index`.
    mutating func add(_ found: [NftablesRule], to index: Int) {
        for rule in found { add(jumps: rule.jumps, to: index) }
        rules[index] = found.filter {
            $0.counter != nil || !$0.lookups.isEmpty || !$0.objects.isEmpty
        }
    }

    /// Says where rules of the chain `index` lead.
    mutating func add(jumps names: [String], to index: Int) {
        for name in names {
            guard let target = places[beside(chains[index].name, name)] else { continue }
            reach.add(from: index, to: target)
        }
    }

    /// Gives each chain the hooks of those that lead to it.
    mutating func spread() { reach.spread() }

    private func beside(_ name: NftablesName, _ other: String) -> NftablesName {
        NftablesName(family: name.family, table: name.table, name: other)
    }

    /// The maps of verdicts that rules look in, with the index of the rule's chain.
    var verdictMaps: [(Int, NftablesSet)] {
        lookups { $0.isOfVerdicts }.map { ($0.chain, $0.set) }
    }

    /// The sets that nft made for single rules whose counters depend on them.
    var fixedSets: [NftablesSet] {
        var found: [NftablesSet] = []
        for (index, rules) in rules.enumerated() where !reach.hooks[index].isEmpty {
            for rule in rules {
                guard let counter = rule.counter, !counter.match.isNarrow else { continue }
                found += rule.lookups.prefix(counter.lookups)
                    .compactMap { sets[beside(chains[index].name, $0.set)] }.filter(\.isFixed)
            }
        }
        return found
    }

    /// Says what is in a set that never changes.
    mutating func resolve(_ set: NftablesSet, _ elements: NftablesElements) {
        fixed[set.name] = elements
    }

    /// A lookup of a rule, and where.
    private typealias Found = (chain: Int, rule: NftablesRule, at: Int, set: NftablesSet)

    private func lookups(_ isWanted: (NftablesSet) -> Bool) -> [Found] {
        var found: [Found] = []
        for (index, rules) in rules.enumerated() {
            for rule in rules {
                for (place, lookup) in rule.lookups.enumerated() {
                    guard let set = sets[beside(chains[index].name, lookup.set)], isWanted(set)
                    else { continue }
                    found.append((index, rule, place, set))
                }
            }
        }
        return found
    }

    /// What names a set and no later one; nil where its table is gone.
    func id(of set: NftablesSet) -> NftablesSetID? {
        handles[set.name.itsTable].map { NftablesSetID(table: $0, set: set.handle) }
    }
}

// MARK: rules

extension NftablesRuleset {
    /// Adds the rules that count something that can be named.
    func describeRules(_ survey: inout NftablesSurvey) throws(NetlinkError) {
        for (index, rules) in rules.enumerated() where !reach.hooks[index].isEmpty {
            let name = chains[index].name
            guard let table = handles[name.itsTable] else { continue }
            var chain = NftablesSurvey.Chain(request: try NftablesReader.request(rulesOf: name))
            let place = "\(name.tableText) \(name.name)"
            for rule in rules {
                guard let counter = rule.counter else { continue }
                let match = whole(counter, rule.lookups, in: name)
                guard
                    let match,
                    let meaning = match.meaning(in: reach.hooks[index], comment: rule.comment)
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
            guard let set = sets[beside(chain, lookup.set)] else {
                match.isNarrow = true
                continue
            }
            if set.saysItCounts { return nil }
            guard case .member = lookup.kind, let elements = fixed[set.name],
                let fields = lookup.fields(keyLength: set.keyLength)
            else {
                match.isNarrow = true
                continue
            }
            if elements.hasCounters { return nil }
            match.add(fields, anyOf: elements.ranges(ofRanges: set.isOfRanges))
        }
        return match
    }
}

// MARK: elements and objects

extension NftablesRuleset {
    /// The sets that rules look in or put packets into, by keys that mean something here.
    var usedSets: [(NftablesSet, [NftablesSetUse])] {
        var uses: [NftablesName: Set<NftablesSetUse>] = [:]
        var order: [NftablesSet] = []
        for (chain, rule, place, set) in lookups({ _ in true }) {
            let hooks = reach.hooks[chain]
            guard !hooks.isEmpty else { continue }
            let lookup = rule.lookups[place]
            var match = lookup.match
            if lookup.before > 0 { match.isNarrow = true }
            let fields = lookup.fields(keyLength: set.keyLength)
            if fields == nil { match.isNarrow = true }
            if uses[set.name] == nil { order.append(set) }
            uses[set.name, default: []].insert(
                NftablesSetUse(fields: fields ?? [], match: match, hooks: hooks))
        }
        return order.map { ($0, Array(uses[$0.name] ?? [])) }
    }

    /// Adds the elements of a set that count something that can be named.
    func describe(
        _ set: NftablesSet, _ uses: [NftablesSetUse], _ elements: NftablesElements,
        _ survey: inout NftablesSurvey
    ) {
        guard let id = id(of: set) else { return }
        var found = NftablesSurvey.Set(set: set, uses: uses, elements: elements)
        found.first = survey.counters.count
        let place = "\(set.name.tableText) @\(set.name.name)"
        var seen: Set<ArraySlice<UInt8>> = []
        for range in elements.ranges(ofRanges: set.isOfRanges) {
            guard elements.flags[range.index].contains(.counts),
                let (meaning, families) = meaning(
                    of: range, uses, set.name.family, elements.comment(at: range.index)),
                seen.insert(range.first).inserted
            else { continue }
            let count = elements.counts[range.index]
            found.indices.append(Int32(truncatingIfNeeded: range.index))
            survey.counters.append(
                FilterCounter(
                    key: meaning.key, direction: meaning.direction, families: families,
                    source: .nftables, place: place,
                    identity: "\(id.table):\(id.set):\(range.first.hexadecimal)",
                    packets: count.packets, bytes: count.bytes))
        }
        survey.sets.append(found)
    }

    /// What an element counts, where all that use its set agree.
    private func meaning(
        of range: NftablesElementRange, _ uses: [NftablesSetUse], _ family: UInt8,
        _ comment: String?
    ) -> (NftablesMatch.Meaning, FilterCounter.Families)? {
        var found: (NftablesMatch.Meaning, FilterCounter.Families)?
        for use in uses {
            var match = use.match
            match.add(use.fields, range)
            guard let meaning = match.meaning(in: use.hooks, comment: comment) else { return nil }
            let families = match.families(in: family)
            guard let earlier = found else {
                found = (meaning, families)
                continue
            }
            guard earlier == (meaning, families) else { return nil }
        }
        return found
    }

    /// Adds named counters and quotas; the way is that of the rules that lead packets to them, and
    /// incoming where there are none or they differ.
    func describe(_ objects: [NftablesObject], _ survey: inout NftablesSurvey) {
        let directions = objectDirections
        for object in objects {
            let table = handles[object.name.itsTable] ?? 0
            survey.objects.append(
                NftablesSurvey.Object(
                    table: table, handle: object.handle, place: survey.counters.count))
            let source: PortKey.NameSource =
                object.type == NftablesObject.quota ? .quota : .counter
            let ways = directions[object.name]?[object.type] ?? []
            survey.counters.append(
                FilterCounter(
                    key: .name(source, object.name.name),
                    direction: ways == [.outgoing] ? .outgoing : .incoming,
                    families: NftablesMatch().families(in: object.name.family),
                    source: .nftables,
                    place: "\(object.name.tableText) \(source.rawValue) \(object.name.name)",
                    identity: "\(table):\(object.handle)", packets: object.count.packets,
                    bytes: object.count.bytes))
        }
    }

    /// Which ways packets go that rules lead to each object, by its name and type.
    private var objectDirections: [NftablesName: [UInt32: Set<FilterCounter.Direction>]] {
        var ways: [NftablesName: [UInt32: Set<FilterCounter.Direction>]] = [:]
        for (index, rules) in rules.enumerated() where !reach.hooks[index].isEmpty {
            for rule in rules {
                for object in rule.objects {
                    let name = beside(chains[index].name, object.name)
                    ways[name, default: [:]][object.type, default: []]
                        .formUnion(object.match.directions(in: reach.hooks[index]))
                }
            }
        }
        return ways
    }
}

extension NftablesMatch {
    /// Which ways packets go that come this far: by port or address where they say it, else by hook.
    fileprivate func directions(in hooks: NftablesHooks) -> Set<FilterCounter.Direction> {
        if let side, let direction = hooks.direction(of: side) { return [direction] }
        if let addressSide { return [addressSide == .source ? .incoming : .outgoing] }
        return hooks.direction.map { [$0] } ?? [.incoming, .outgoing]
    }
}

extension ArraySlice<UInt8> {
    /// Two digits a byte.
    fileprivate var hexadecimal: String {
        let digits = Array("0123456789abcdef")
        var text = ""
        for byte in self {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return text
    }
}
