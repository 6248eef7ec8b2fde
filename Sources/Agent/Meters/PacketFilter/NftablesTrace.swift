internal import Netlink

/// Goes through a rule's expressions and keeps what is known of the packets that come this far.
struct NftablesTrace {
    private let family: UInt8
    var match = NftablesMatch()
    /// Whether nothing of the rule comes behind a verdict.
    var hasEnded = false
    var registers = NftablesRegisters()
    /// How many bits of the address in a register are looked at, where not all.
    var mask: (register: Int, bits: UInt8)?

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

    mutating func load(_ content: NftablesRegisters.Content, _ register: Int, _ count: Int) {
        registers.load(content, at: register, count: count)
        mask = nil
    }

    /// `meta`: 1 register, 2 key.
    mutating func takeMeta(
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
    mutating func takePayload(
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
    mutating func takeMask(
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
    mutating func takeByteOrder(
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
}
