internal import Accounting
internal import Netlink

extension NftablesReader {
    /// Goes through the whole ruleset, and reads its counts on the way.
    mutating func survey(_ generation: UInt32) throws(NetlinkError) -> NftablesSurvey {
        var ruleset = NftablesRuleset(
            tables: try tables(), chains: try chains(), sets: try sets())
        for index in ruleset.chains.indices where ruleset.chains[index].use != 0 {
            let name = ruleset.chains[index].name
            ruleset.add(try rules(of: name, Self.request(rulesOf: name)), to: index)
        }
        for (index, set) in ruleset.verdictMaps {
            ruleset.add(jumps: try elements(of: set).chains, to: index)
        }
        ruleset.spread()
        for set in ruleset.fixedSets {
            ruleset.resolve(set, try elements(of: set))
        }
        var survey = NftablesSurvey(generation: generation)
        try ruleset.describeRules(&survey)
        try takeSets(ruleset, into: &survey)
        ruleset.describe(try objects(), &survey)
        return survey
    }

    /// Reads the sets whose elements count.
    private mutating func takeSets(
        _ ruleset: NftablesRuleset, into survey: inout NftablesSurvey
    ) throws(NetlinkError) {
        var stillPlain: Set<NftablesSetID> = []
        for (set, uses) in ruleset.usedSets {
            guard let id = ruleset.id(of: set) else { continue }
            guard set.saysItCounts || !plainSets.contains(id) else {
                stillPlain.insert(id)
                continue
            }
            let elements = try elements(of: set)
            guard set.saysItCounts || elements.hasCounters else {
                stillPlain.insert(id)
                continue
            }
            ruleset.describe(set, uses, elements, &survey)
        }
        plainSets = stillPlain
    }
}
