internal import Netlink

/// One step of a rule of the agent's own table.
enum OwnExpression: Hashable {
    /// A fact of the packet into a register (`meta`).
    case meta(UInt32, into: UInt32)
    /// Bytes of the packet into a register (`payload`): base 1 is the network header, 2 the
    /// transport's.
    case payload(base: UInt32, offset: UInt32, count: UInt32, into: UInt32)
    /// A fact of the connection into a register (`ct`); a direction for what both ends have.
    case connection(UInt32, direction: UInt8?, into: UInt32)
    /// A register through a mask (`bitwise`).
    case mask([UInt8], register: UInt32)
    /// Go on where the register holds these bytes, or where it does not (`cmp`).
    case compare(register: UInt32, isEqual: Bool, [UInt8])
    /// Go on where the set has what begins at the register (`lookup`).
    case lookup(String, register: UInt32)
    /// End here with this verdict (`immediate`).
    case verdict(UInt32)

    static let drop = OwnExpression.verdict(0)
    static let accept = OwnExpression.verdict(1)

    /// `enum nft_meta_keys`.
    enum Meta {
        static let inputName: UInt32 = 6
        static let outputName: UInt32 = 7
        static let family: UInt32 = 15
        static let transport: UInt32 = 16
    }

    /// `enum nft_ct_keys`.
    enum Connection {
        static let direction: UInt32 = 1
        static let status: UInt32 = 2
        static let destinationPort: UInt32 = 12
    }

    /// The kernel's name of it.
    private var name: String {
        switch self {
        case .meta: "meta"
        case .payload: "payload"
        case .connection: "ct"
        case .mask: "bitwise"
        case .compare: "cmp"
        case .lookup: "lookup"
        case .verdict: "immediate"
        }
    }

    /// Writes it as an item of a rule's list.
    func write(to request: inout NetlinkRequest) throws(NetlinkError) {
        try request.nest(NestAttribute.item) { (item) throws(NetlinkError) in
            try item.add(NestAttribute.name, text: name)
            try item.nest(NestAttribute.data) { (data) throws(NetlinkError) in
                try writeData(to: &data)
            }
        }
    }

    private func writeData(to data: inout NetlinkRequest) throws(NetlinkError) {
        switch self {
        case .meta(let key, let register):
            try data.add(1, bigEndian: register)
            try data.add(2, bigEndian: key)
        case .payload(let base, let offset, let count, let register):
            try data.add(1, bigEndian: register)
            try data.add(2, bigEndian: base)
            try data.add(3, bigEndian: offset)
            try data.add(4, bigEndian: count)
        case .connection(let key, let direction, let register):
            try data.add(1, bigEndian: register)
            try data.add(2, bigEndian: key)
            if let direction { try data.add(3, [direction]) }
        case .mask(let bytes, let register):
            try data.add(1, bigEndian: register)
            try data.add(2, bigEndian: register)
            try data.add(3, bigEndian: UInt32(bytes.count))
            try Self.add(4, bytes, to: &data)
            try Self.add(5, [UInt8](repeating: 0, count: bytes.count), to: &data)
        case .compare(let register, let isEqual, let bytes):
            try data.add(1, bigEndian: register)
            try data.add(2, bigEndian: UInt32(isEqual ? 0 : 1))
            try Self.add(3, bytes, to: &data)
        case .lookup(let set, let register):
            try data.add(1, text: set)
            try data.add(2, bigEndian: register)
        case .verdict(let code):
            try data.add(1, bigEndian: UInt32(0))
            try data.nest(2) { (value) throws(NetlinkError) in
                try value.nest(NestAttribute.verdict) { (verdict) throws(NetlinkError) in
                    try verdict.add(NestAttribute.code, bigEndian: code)
                }
            }
        }
    }

    private static func add(
        _ type: UInt16, _ bytes: [UInt8], to data: inout NetlinkRequest
    ) throws(NetlinkError) {
        try data.nest(type) { (value) throws(NetlinkError) in
            try value.add(NestAttribute.value, bytes)
        }
    }
}

extension OwnExpression {
    /// Reads an item of a rule's list; nil for an expression that this agent does not write, or
    /// writes otherwise.
    static func decode(_ item: Attribute, in bytes: RawSpan) throws(NetlinkError) -> Self? {
        var name: String?
        var fields = Fields()
        var walk = AttributeWalk(inside: item)
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case NestAttribute.name: name = try attribute.text(in: bytes)
            case NestAttribute.data: fields = try Fields(attribute, in: bytes)
            default: continue
            }
        }
        return try name.flatMap { (name) throws(NetlinkError) in try decode(name, fields, bytes) }
    }

    private static func decode(
        _ name: String, _ fields: Fields, _ bytes: RawSpan
    ) throws(NetlinkError) -> Self? {
        switch name {
        case "meta":
            guard let register = try fields.word(1, bytes), let key = try fields.word(2, bytes)
            else { return nil }
            return .meta(key, into: register)
        case "payload":
            guard let register = try fields.word(1, bytes), let base = try fields.word(2, bytes),
                let offset = try fields.word(3, bytes), let count = try fields.word(4, bytes)
            else { return nil }
            return .payload(base: base, offset: offset, count: count, into: register)
        case "ct":
            guard let register = try fields.word(1, bytes), let key = try fields.word(2, bytes)
            else { return nil }
            let direction = try fields[3]?.integer(UInt8.self, in: bytes)
            return .connection(key, direction: direction, into: register)
        case "bitwise":
            guard let from = try fields.word(1, bytes), let register = try fields.word(2, bytes),
                let mask = try fields.value(4, bytes), let other = try fields.value(5, bytes),
                from == register, other.allSatisfy({ $0 == 0 })
            else { return nil }
            return .mask(mask, register: register)
        case "cmp":
            guard let register = try fields.word(1, bytes), let kind = try fields.word(2, bytes),
                let value = try fields.value(3, bytes), kind < 2
            else { return nil }
            return .compare(register: register, isEqual: kind == 0, value)
        case "lookup":
            // An inverted lookup (its flags) or one that gives a value (3) is another thing.
            guard let set = try fields[1]?.text(in: bytes),
                let register = try fields.word(2, bytes), fields[3] == nil,
                try fields.word(5, bytes) ?? 0 == 0
            else { return nil }
            return .lookup(set, register: register)
        case "immediate":
            guard let data = fields[2], let register = try fields.word(1, bytes), register == 0,
                let verdict = try Fields(data, in: bytes)[NestAttribute.verdict],
                let code = try Fields(verdict, in: bytes).word(NestAttribute.code, bytes)
            else { return nil }
            return .verdict(code)
        default: return nil
        }
    }

    /// The attributes of a nest by their types, as many as an expression has.
    private struct Fields {
        private var attributes: [Attribute] = []

        init() {}

        init(_ nest: Attribute, in bytes: RawSpan) throws(NetlinkError) {
            var walk = AttributeWalk(inside: nest)
            while let attribute = try walk.next(in: bytes) { attributes.append(attribute) }
        }

        subscript(type: UInt16) -> Attribute? { attributes.first { $0.type == type } }

        func word(_ type: UInt16, _ bytes: RawSpan) throws(NetlinkError) -> UInt32? {
            try self[type]?.bigEndian(UInt32.self, in: bytes)
        }

        func value(_ type: UInt16, _ bytes: RawSpan) throws(NetlinkError) -> [UInt8]? {
            guard let nest = self[type] else { return nil }
            return try Fields(nest, in: bytes)[NestAttribute.value]?.array(in: bytes)
        }
    }
}
