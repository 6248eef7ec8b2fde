internal import Accounting
internal import Netlink

/// Goes through a rule's expressions and keeps what is known of the packets that come this far.
struct NftablesTrace {
    private let family: UInt8
    private(set) var match = NftablesMatch()
    /// Whether nothing of the rule comes behind a verdict.
    private(set) var hasEnded = false
    private var registers = NftablesRegisters()
    /// How many bits of the address in a register are looked at, where not all.
    private var mask: (register: Int, bits: UInt8)?

    /// Begins a rule of a table of `family`.
    init(family: UInt8) {
        self.family = family
    }

    /// Takes an expression that is no counter.
    mutating func take(
        _ expression: NftablesExpression, in bytes: RawSpan, for rule: inout NftablesRule
    ) throws(NetlinkError) {
        switch expression.name {
        case .meta: try takeMeta(expression, bytes)
        case .payload: try takePayload(expression, bytes)
        case .cmp: try takeComparison(expression, bytes)
        case .range: try takeRange(expression, bytes)
        case .bitwise: try takeMask(expression, bytes)
        case .byteorder: try takeByteOrder(expression, bytes)
        case .immediate: try takeImmediate(expression, bytes, &rule)
        case .match: try takeMatch(expression, bytes, &rule)
        case .lookup: try takeLookup(expression, bytes, &rule)
        case .dynset: try takeUpdate(expression, bytes, &rule)
        case .objref: try takeObject(expression, bytes, &rule)
        case .counter, .log, .notrack: break
        case nil: match.isNarrow = true
        }
    }

    private mutating func load(_ content: NftablesRegisters.Content, _ register: Int, _ count: Int)
    {
        registers.load(content, at: register, count: count)
        mask = nil
    }

    /// `meta`: 1 register, 2 key.
    private mutating func takeMeta(
        _ expression: NftablesExpression, _ bytes: RawSpan
    ) throws(NetlinkError) {
        // Without a register to load it sets something, which keeps no packet back.
        guard let register = try expression.register(1, in: bytes) else { return }
        switch try expression.integer(2, in: bytes) {
        case 15: load(.family, register, 1)
        case 16: load(.transport, register, 1)
        // Others have at most 16 bytes (an interface's name).
        default: load(.other, register, 16)
        }
    }

    /// `payload`: 1 register, 2 base, 3 offset, 4 length.
    private mutating func takePayload(
        _ expression: NftablesExpression, _ bytes: RawSpan
    ) throws(NetlinkError) {
        guard let register = try expression.register(1, in: bytes),
            let base = try expression.integer(2, in: bytes),
            let offset = try expression.integer(3, in: bytes),
            let count = try expression.integer(4, in: bytes)
        else {
            match.isNarrow = true
            return
        }
        let content: NftablesRegisters.Content =
            switch (base, offset, count) {
            case (2, 0, 2): .sourcePort
            case (2, 2, 2): .destinationPort
            case (1, _, _): network(offset, count)
            default: .other
            }
        load(content, register, Int(min(count, 64)))
    }

    /// What stands in the header of IPv4 or IPv6, whichever is known to be there.
    private func network(_ offset: UInt32, _ count: UInt32) -> NftablesRegisters.Content {
        let known = match.family ?? family
        switch (known, offset, count) {
        case (NftablesMatch.ipv4, 9, 1), (NftablesMatch.ipv6, 6, 1): return .transport
        case (NftablesMatch.ipv4, 12, 1...4): return .source
        case (NftablesMatch.ipv4, 16, 1...4): return .destination
        case (NftablesMatch.ipv6, 8, 1...16): return .source6
        case (NftablesMatch.ipv6, 24, 1...16): return .destination6
        default: return .other
        }
    }

    /// `bitwise`: 1 from, 2 to, 4 mask, 5 exclusive or, 6 operation.
    private mutating func takeMask(
        _ expression: NftablesExpression, _ bytes: RawSpan
    ) throws(NetlinkError) {
        guard let from = try expression.register(1, in: bytes),
            let to = try expression.register(2, in: bytes)
        else {
            match.isNarrow = true
            return
        }
        let isPlain = try expression.integer(6, in: bytes) ?? 0 == 0
        if from == to, isPlain, let bits = try prefix(expression.value(4, in: bytes), bytes),
            let change = try expression.value(5, in: bytes)?.array(in: bytes),
            change.allSatisfy({ $0 == 0 }),
            [.source, .destination, .source6, .destination6].contains(registers[from])
        {
            mask = (from, bits)
        } else {
            load(.other, to, 64)
        }
    }

    /// The number of leading ones, where nothing but zeroes follows; nil where something does.
    private func prefix(_ value: Attribute?, _ bytes: RawSpan) throws(NetlinkError) -> UInt8? {
        guard let mask = try value?.array(in: bytes), mask.count <= 16 else { return nil }
        var bits = 0
        var isOver = false
        for byte in mask {
            let ones = (~byte).leadingZeroBitCount
            // A shift of 8 leaves nothing.
            guard byte << UInt8(ones) == 0, !isOver || byte == 0 else { return nil }
            bits += ones
            isOver = ones < 8
        }
        return UInt8(bits)
    }

    /// `byteorder`: 1 from, 2 to, 4 length, 5 size. nft turns one byte into itself where it makes a
    /// key of several fields.
    private mutating func takeByteOrder(
        _ expression: NftablesExpression, _ bytes: RawSpan
    ) throws(NetlinkError) {
        let from = try expression.register(1, in: bytes)
        guard let to = try expression.register(2, in: bytes) else {
            match.isNarrow = true
            return
        }
        let count = try expression.integer(4, in: bytes) ?? 64
        let size = try expression.integer(5, in: bytes) ?? 1
        guard from == to, count < size else { return load(.other, to, 64) }
    }

    // MARK: comparisons

    private mutating func takeComparison(
        _ expression: NftablesExpression, _ bytes: RawSpan
    ) throws(NetlinkError) {
        guard let register = try expression.register(1, in: bytes),
            let operation = try expression.integer(2, in: bytes),
            let value = try expression.value(3, in: bytes)
        else {
            match.isNarrow = true
            return
        }
        let content = registers[register]
        switch (content, value.count) {
        case (.sourcePort, 2):
            compare(.source, operation, try value.bigEndian(UInt16.self, in: bytes))
        case (.destinationPort, 2):
            compare(.destination, operation, try value.bigEndian(UInt16.self, in: bytes))
        case (.transport, 1) where operation == 0:
            match.add(transport: try value.integer(UInt8.self, in: bytes))
        case (.family, 1) where operation == 0:
            match.add(family: try value.integer(UInt8.self, in: bytes))
        case (.source, 1...4), (.source6, 1...16):
            try compare(.source, content == .source6, operation, register, value, bytes)
        case (.destination, 1...4), (.destination6, 1...16):
            try compare(.destination, content == .destination6, operation, register, value, bytes)
        default: match.isNarrow = true
        }
    }

    private mutating func compare(
        _ side: NftablesMatch.Side, _ operation: UInt32, _ port: UInt16
    ) {
        switch operation {
        case 0: match.add(side, from: port, to: port)
        case 2 where port > 0: match.add(side, from: 0, to: port - 1)
        case 3: match.add(side, from: 0, to: port)
        case 4 where port < .max: match.add(side, from: port + 1, to: .max)
        case 5: match.add(side, from: port, to: .max)
        default: match.isNarrow = true
        }
    }

    private mutating func compare(
        _ side: NftablesMatch.Side, _ isIPv6: Bool, _ operation: UInt32, _ register: Int,
        _ value: Attribute, _ bytes: RawSpan
    ) throws(NetlinkError) {
        var address = try value.array(in: bytes)
        let bits = mask?.register == register ? mask?.bits : nil
        let prefix = min(bits ?? .max, UInt8(address.count * 8))
        address += repeatElement(0, count: (isIPv6 ? 16 : 4) - address.count)
        guard operation == 0, let range = AddressRange(bytes: address, prefixLength: prefix) else {
            match.isNarrow = true
            return
        }
        match.add(side, range)
    }

    /// `range`: 1 register, 2 operation, 3 from, 4 to.
    private mutating func takeRange(
        _ expression: NftablesExpression, _ bytes: RawSpan
    ) throws(NetlinkError) {
        guard let register = try expression.register(1, in: bytes),
            try expression.integer(2, in: bytes) ?? 0 == 0,
            let from = try expression.value(3, in: bytes), from.count == 2,
            let to = try expression.value(4, in: bytes), to.count == 2,
            let side = Self.side(of: registers[register])
        else {
            match.isNarrow = true
            return
        }
        match.add(
            side, from: try from.bigEndian(UInt16.self, in: bytes),
            to: try to.bigEndian(UInt16.self, in: bytes))
    }

    private static func side(of content: NftablesRegisters.Content) -> NftablesMatch.Side? {
        switch content {
        case .sourcePort: .source
        case .destinationPort: .destination
        default: nil
        }
    }
}

// MARK: what leads elsewhere

extension NftablesTrace {
    /// `immediate`: 1 register, 2 data: a value, or a verdict.
    private mutating func takeImmediate(
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
    private mutating func takeMatch(
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
    private mutating func takeLookup(
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
    private mutating func takeUpdate(
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
    private mutating func takeObject(
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
