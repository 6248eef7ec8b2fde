internal import Accounting

/// How rules ask a set: what its keys are made of, and what is known of the packets.
struct NftablesSetUse: Hashable, Sendable {
    var fields: [NftablesRegisters.Content]
    var match: NftablesMatch
    var hooks: FilterHooks
}

/// All that rules do with one set.
struct NftablesSetUses: Sendable {
    /// Those that differ.
    private(set) var uses: [NftablesSetUse] = []
    /// Whether a rule puts elements into it that have counters.
    private(set) var addsCounters = false
    private var hooks: FilterHooks = []
    /// Whether a packet may be counted by more than one rule.
    private var countsTwice = false

    /// Adds what one rule does, in a chain with these hooks.
    mutating func add(_ lookup: NftablesLookup, keyLength: Int, _ hooks: FilterHooks) {
        if lookup.kind == .update(counts: true) { addsCounters = true }
        var use = NftablesSetUse(
            fields: lookup.fields(keyLength: keyLength) ?? [], match: lookup.match, hooks: hooks)
        if use.fields.isEmpty || lookup.before > 0 { use.match.isNarrow = true }
        let before = self.hooks
        self.hooks.formUnion(hooks)
        countsTwice =
            countsTwice || !before.isDisjoint(with: hooks)
            || !before.isEmpty && !self.hooks.subtracting(.firstPackets).seesEveryPacketOnce
        if !uses.contains(use) { uses.append(use) }
    }

    /// What an element counts, where all uses agree; nil where that cannot be said.
    func meaning(
        of range: NftablesElementRange, in family: UInt8, comment: String?
    ) -> (meaning: NftablesMatch.Meaning, families: FilterCounter.Families)? {
        var found: (meaning: NftablesMatch.Meaning, families: FilterCounter.Families)?
        for use in uses {
            var match = use.match
            match.add(use.fields, range)
            if countsTwice { match.isNarrow = true }
            guard let meaning = match.meaning(in: use.hooks, comment: comment) else { return nil }
            let families = match.families(in: family)
            if let found, found != (meaning, families) { return nil }
            found = (meaning, families)
        }
        return found
    }
}
