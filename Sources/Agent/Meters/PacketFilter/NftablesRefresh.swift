internal import Netlink

extension NftablesReader {
    /// Reads the counts again; false where something is not as it was surveyed.
    mutating func refresh(_ survey: inout NftablesSurvey) throws(NetlinkError) -> Bool {
        for chain in survey.chains.indices {
            guard try refresh(survey.chains[chain], &survey.counters) else { return false }
        }
        guard try refresh(survey.objects, &survey.counters) else { return false }
        for index in survey.sets.indices where try !refreshSet(index, &survey) {
            // Packets may have put elements in: those are none of the ruleset's generations.
            for old in survey.removeSets(from: index) {
                let elements = try elements(of: old.set, expecting: old.elements.count)
                survey.add(old.set, old.id, old.uses, elements)
            }
            shape &+= 1
            break
        }
        return true
    }

    private mutating func refresh(
        _ chain: NftablesSurvey.Chain, _ counters: inout [FilterCounter]
    ) throws(NetlinkError) -> Bool {
        let rules = chain.rules
        let done = try socket.dump(chain.request, doing: "read a chain's counters", into: 0) {
            (next, bytes) throws(NetlinkError) in
            guard next < rules.count else { return }
            let rule = rules[next]
            guard let count = try NftablesRule.count(of: rule, in: bytes) else { return }
            counters[Int(rule.place)].packets = count.packets
            counters[Int(rule.place)].bytes = count.bytes
            next += 1
        }
        return done == rules.count
    }

    /// Reads the counts of one set; false where its elements are others.
    private mutating func refreshSet(
        _ index: Int, _ survey: inout NftablesSurvey
    ) throws(NetlinkError) -> Bool {
        let known = survey.sets[index]
        let elements = try self.elements(of: known.set, expecting: known.elements.count)
        guard elements.isSame(as: known.elements) else { return false }
        for (place, index) in known.indices.enumerated() {
            let count = elements.counts[Int(index)]
            survey.counters[known.first + place].packets = count.packets
            survey.counters[known.first + place].bytes = count.bytes
        }
        return true
    }

    private mutating func refresh(
        _ objects: [NftablesSurvey.Object], _ counters: inout [FilterCounter]
    ) throws(NetlinkError) -> Bool {
        guard !objects.isEmpty else { return true }
        let found = try self.objects()
        guard found.map(\.handle) == objects.map(\.handle) else { return false }
        for (object, one) in zip(objects, found) {
            counters[object.place].packets = one.count.packets
            counters[object.place].bytes = one.count.bytes
        }
        return true
    }
}

extension NftablesRule {
    /// What a rule's counter has counted; nil where the message is of another rule.
    @inline(__always) static func count(
        of rule: NftablesSurvey.Rule, in bytes: RawSpan
    ) throws(NetlinkError) -> NftablesCount? {
        var walk = AttributeWalk(bytes, from: NetlinkRequest.netfilterHeaderSize)
        var isIt = false
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case NftRuleAttribute.handle:
                let handle = try attribute.bigEndian(UInt64.self, in: bytes)
                guard handle == rule.handle else { return nil }
                isIt = true
            case NftRuleAttribute.expressions:
                guard isIt else { throw .malformed("a rule has no handle before its expressions") }
                return try count(rule.ordinal, attribute, bytes)
            default: break
            }
        }
        return nil
    }

    @inline(__always) private static func count(
        _ ordinal: Int32, _ expressions: Attribute, _ bytes: RawSpan
    ) throws(NetlinkError) -> NftablesCount? {
        var walk = AttributeWalk(inside: expressions)
        var before = ordinal
        while let element = try walk.next(in: bytes) {
            let expression = try NftablesExpression(element, in: bytes)
            guard expression.name == .counter else { continue }
            if before == 0 { return try expression.count(in: bytes) }
            before -= 1
        }
        return nil
    }
}
