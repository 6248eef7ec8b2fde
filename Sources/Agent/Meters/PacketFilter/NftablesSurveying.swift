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
        try readNeededSets(&ruleset)
        ruleset.spread()
        var survey = NftablesSurvey(generation: generation)
        try ruleset.describeRules(&survey)
        ruleset.describe(try objects(), &survey)
        try readUsedSets(ruleset, into: &survey)
        return survey
    }

    /// Reads sets that rules depend on; those that never change only once.
    private mutating func readNeededSets(_ ruleset: inout NftablesRuleset) throws(NetlinkError) {
        var kept: [NftablesSetID: NftablesElements] = [:]
        for set in ruleset.neededSets {
            guard let id = ruleset.id(of: set) else { continue }
            let known = set.isFixed ? fixedSets[id] : nil
            let elements = if let known { known } else { try elements(of: set) }
            if set.isFixed { kept[id] = elements }
            ruleset.add(elements, to: set)
        }
        fixedSets = kept
    }

    /// Reads sets whose elements count.
    private mutating func readUsedSets(
        _ ruleset: NftablesRuleset, into survey: inout NftablesSurvey
    ) throws(NetlinkError) {
        var stillPlain: Set<NftablesSetID> = []
        for (set, uses) in ruleset.usedSets {
            guard let id = ruleset.id(of: set) else { continue }
            let isSaid = set.saysItCounts || uses.addsCounters
            if !isSaid, plainSets.contains(id) || set.isFixed && fixedSets[id]?.hasCounters == false
            {
                stillPlain.insert(id)
                continue
            }
            let elements = try elements(of: set)
            if isSaid || elements.hasCounters {
                survey.add(set, id, uses, elements)
            } else {
                stillPlain.insert(id)
            }
        }
        plainSets = stillPlain
    }
}
