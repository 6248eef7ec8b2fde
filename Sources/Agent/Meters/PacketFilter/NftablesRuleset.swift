internal import Accounting
internal import Netlink

/// A ruleset as it was dumped, being put together. Pure: what more must be read it lists.
struct NftablesRuleset {
    let handles: [NftablesName: UInt64]
    let chains: [NftablesChain]
    /// The rules of each chain that count, lead or use something.
    private(set) var rules: [[NftablesRule]]
    private let places: [NftablesName: Int]
    private let sets: [NftablesName: NftablesSet]
    private var reach: NftablesReach
    /// The elements of sets that were read.
    private var elements: [NftablesName: NftablesElements] = [:]

    /// Begins with everything but rules.
    init(tables: [NftablesTable], chains: [NftablesChain], sets: [NftablesSet]) {
        handles = Dictionary(tables.map { ($0.name, $0.handle) }) { $1 }
        self.chains = chains
        places = Dictionary(chains.enumerated().map { ($1.name, $0) }) { $1 }
        self.sets = Dictionary(sets.map { ($0.name, $0) }) { $1 }
        reach = NftablesReach(chains.map(\.hooks))
        rules = Array(repeating: [], count: chains.count)
    }

    /// Says what stands in the chain `index`.
    mutating func add(_ found: [NftablesRule], to index: Int) {
        for rule in found { add(jumps: rule.jumps, to: index) }
        rules[index] = found
    }

    /// Says what stands in a set or map.
    mutating func add(_ found: NftablesElements, to set: NftablesSet) {
        elements[set.name] = found
    }

    /// Follows all jumps: from then on the hooks of each chain are known.
    mutating func spread() {
        for (index, _, lookup, set) in lookups where lookup.kind == .verdict && set.isOfVerdicts {
            add(jumps: elements[set.name]?.chains ?? [], to: index)
        }
        reach.spread()
    }

    private mutating func add(jumps names: [String], to index: Int) {
        for name in names {
            guard let target = places[chains[index].name.beside(name)] else { continue }
            reach.add(from: index, to: target)
        }
    }

    /// The hooks of the chain `index`.
    func hooks(of index: Int) -> FilterHooks { reach.hooks[index] }

    /// The set of that name in the table of `chain`.
    func set(_ name: String, besides chain: NftablesName) -> NftablesSet? {
        sets.isEmpty ? nil : sets[chain.beside(name)]
    }

    /// What is known to stand in a set.
    func elements(of set: NftablesSet) -> NftablesElements? { elements[set.name] }

    /// What names a set and no later one; nil where its table is gone.
    func id(of set: NftablesSet) -> NftablesSetID? {
        handles[set.name.itsTable].map { NftablesSetID(table: $0, set: set.handle) }
    }

    /// Every place where a rule asks a set, with the rule and the index of its chain.
    var lookups: [(chain: Int, rule: NftablesRule, lookup: NftablesLookup, set: NftablesSet)] {
        var found: [(chain: Int, rule: NftablesRule, lookup: NftablesLookup, set: NftablesSet)] = []
        for (index, rules) in rules.enumerated() {
            for rule in rules {
                for lookup in rule.lookups {
                    guard let set = set(lookup.set, besides: chains[index].name) else { continue }
                    found.append((index, rule, lookup, set))
                }
            }
        }
        return found
    }

    /// What must be read to know what rules mean: maps that lead to chains or objects, and sets that
    /// nft made for rules whose counters depend on them. Each once.
    var neededSets: [NftablesSet] {
        var seen: Set<NftablesName> = []
        return lookups.compactMap { _, rule, lookup, set in
            let isNeeded =
                lookup.kind == .verdict && set.isOfVerdicts
                || lookup.kind == .other && set.isOfObjects
                || set.isFixed && rule.counter?.match.isNarrow == false
            return isNeeded && seen.insert(set.name).inserted ? set : nil
        }
    }

    /// The sets that rules look in or put packets into, and how; by keys that mean something here.
    var usedSets: [(NftablesSet, NftablesSetUses)] {
        var places: [NftablesName: Int] = [:]
        var found: [(NftablesSet, NftablesSetUses)] = []
        for (chain, _, lookup, set) in lookups where !hooks(of: chain).isEmpty {
            let place = places[set.name, default: found.count]
            if place == found.count { found.append((set, NftablesSetUses())) }
            places[set.name] = place
            found[place].1.add(lookup, keyLength: set.keyLength, hooks(of: chain))
        }
        return found
    }
}

extension NftablesName {
    /// What has the name `other` in the same table.
    func beside(_ other: String) -> NftablesName {
        NftablesName(family: family, table: table, name: other)
    }
}
