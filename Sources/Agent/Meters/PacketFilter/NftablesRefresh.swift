internal import Netlink

extension NftablesReader {
    /// Reads the counts again; false where something is not as it was surveyed.
    mutating func refresh(_ survey: inout NftablesSurvey) throws(NetlinkError) -> Bool {
        for chain in survey.chains.indices {
            guard try refresh(survey.chains[chain], &survey.counters) else { return false }
        }
        for set in survey.sets.indices {
            guard try refresh(&survey.sets[set], &survey.counters) else { return false }
        }
        return try refresh(survey.objects, &survey.counters)
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

    private mutating func refresh(
        _ set: inout NftablesSurvey.Set, _ counters: inout [FilterCounter]
    ) throws(NetlinkError) -> Bool {
        let elements = try self.elements(of: set.set, expecting: set.elements.count)
        guard elements.isSame(as: set.elements) else { return false }
        for (place, index) in set.indices.enumerated() {
            let count = elements.counts[Int(index)]
            counters[set.first + place].packets = count.packets
            counters[set.first + place].bytes = count.bytes
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
