internal import Accounting
internal import Netlink

extension NftablesTrace {
    mutating func takeComparison(
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
    mutating func takeRange(
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
