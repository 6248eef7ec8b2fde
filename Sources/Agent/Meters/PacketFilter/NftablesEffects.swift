internal import Netlink

extension NftablesTrace {
    /// `immediate`: 1 register, 2 data: a value, or a verdict.
    mutating func takeImmediate(
        _ expression: NftablesExpression, _ bytes: RawSpan, _ rule: inout NftablesRule
    ) throws(NetlinkError) {
        if let register = try expression.register(1, in: bytes) {
            return load(.other, register, 64)
        }
        guard
            let verdict = try expression.data?.first(2, in: bytes)?
                .first(NftExpressionAttribute.verdict, in: bytes)
        else { return }
        if let chain = try verdict.first(NftExpressionAttribute.verdictChain, in: bytes) {
            rule.add(jump: try chain.text(in: bytes))
        }
        let code = try verdict.first(NftExpressionAttribute.verdictCode, in: bytes)
        // NFT_CONTINUE
        hasEnded = try code?.bigEndian(Int32.self, in: bytes) != -1
    }

    /// `match`, an extension of iptables: 1 name, 2 revision, 3 its struct.
    mutating func takeMatch(
        _ expression: NftablesExpression, _ bytes: RawSpan, _ rule: inout NftablesRule
    ) throws(NetlinkError) {
        guard let name = try expression.data?.first(1, in: bytes)?.text(in: bytes),
            let blob = try expression.data?.first(3, in: bytes)
        else {
            match.isNarrow = true
            return
        }
        let revision = try expression.integer(2, in: bytes) ?? 0
        if name == "comment" {
            return rule.add(comment: NftablesComment.text(try blob.array(in: bytes)[...]))
        }
        guard revision < 256,
            let ports = PortMatch(
                name, revision: UInt8(revision),
                bytes.extracting(blob.offset..<blob.offset + blob.count)), ports.isExact
        else {
            match.isNarrow = true
            return
        }
        if name == "tcp" { match.add(transport: 6) }
        if name == "udp" { match.add(transport: 17) }
        if let list = ports.sources { match.add(.source, list) }
        if let list = ports.destinations { match.add(.destination, list) }
    }

    /// `lookup`: 1 set, 2 from, 3 to, 5 flags (1: not in it).
    mutating func takeLookup(
        _ expression: NftablesExpression, _ bytes: RawSpan, _ rule: inout NftablesRule
    ) throws(NetlinkError) {
        let flags = try expression.integer(5, in: bytes) ?? 0
        let target = try expression.integer(3, in: bytes)
        guard let set = try expression.data?.first(1, in: bytes)?.text(in: bytes),
            let register = try expression.register(2, in: bytes), flags == 0
        else {
            match.isNarrow = true
            return
        }
        let kind: NftablesLookup.Kind =
            target == nil ? .member : target == 0 ? .verdict : .other
        rule.add(lookup(set, kind, register, rule))
        guard let target else { return }
        match.isNarrow = true
        if let written = NftablesRegisters.index(target) { load(.other, written, 64) }
    }

    /// `dynset`: 1 set, 4 key, 7 expression, 10 expressions.
    mutating func takeUpdate(
        _ expression: NftablesExpression, _ bytes: RawSpan, _ rule: inout NftablesRule
    ) throws(NetlinkError) {
        defer { match.isNarrow = true }
        guard let data = expression.data, let set = try data.first(1, in: bytes)?.text(in: bytes),
            let register = try expression.register(4, in: bytes)
        else { return }
        var counts = false
        if let one = try data.first(7, in: bytes) {
            counts = try NftablesExpression(one, in: bytes).name == .counter
        }
        if let several = try data.first(10, in: bytes) {
            counts = try several.hasCounter(in: bytes) || counts
        }
        rule.add(lookup(set, .update(counts: counts), register, rule))
    }

    private func lookup(
        _ set: String, _ kind: NftablesLookup.Kind, _ register: Int, _ rule: NftablesRule
    ) -> NftablesLookup {
        NftablesLookup(
            set: set, kind: kind, match: match, before: rule.lookups.count, registers: registers,
            register: register)
    }

    /// `objref`: 1 type, 2 name; or a map of names: 3 register, 4 map.
    mutating func takeObject(
        _ expression: NftablesExpression, _ bytes: RawSpan, _ rule: inout NftablesRule
    ) throws(NetlinkError) {
        if let type = try expression.integer(1, in: bytes),
            let name = try expression.data?.first(2, in: bytes)?.text(in: bytes)
        {
            rule.add(NftablesRule.ObjectUse(type: type, name: name, match: match))
            // A quota keeps packets back; a counter does not.
            if type != 1 { match.isNarrow = true }
            return
        }
        match.isNarrow = true
        if let map = try expression.data?.first(4, in: bytes)?.text(in: bytes),
            let register = try expression.register(3, in: bytes)
        {
            rule.add(lookup(map, .other, register, rule))
        }
    }
}
