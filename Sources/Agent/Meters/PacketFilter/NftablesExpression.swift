internal import Netlink

/// One expression of a rule, an element or a set: its name and where its attributes stand.
struct NftablesExpression {
    /// The expressions that mean something here: the value is the name's first 8 bytes, the first of
    /// them lowest.
    enum Name: UInt64, CaseIterable {
        case counter = 0x72_6574_6e75_6f63
        case payload = 0x64_616f_6c79_6170
        case meta = 0x6174_656d
        case cmp = 0x70_6d63
        case range = 0x65_676e_6172
        case lookup = 0x7075_6b6f_6f6c
        case bitwise = 0x65_7369_7774_6962
        case byteorder = 0x6564_726f_6574_7962
        case immediate = 0x7461_6964_656d_6d69
        case match = 0x68_6374_616d
        case objref = 0x6665_726a_626f
        case dynset = 0x7465_736e_7964
        case log = 0x67_6f6c
        case notrack = 0x6b_6361_7274_6f6e
    }

    /// nil for an expression that means nothing here.
    let name: Name?
    /// Its attributes; nil where it has none.
    let data: Attribute?

    /// Reads the expression in `nest`: an element of a list, or an attribute that holds one.
    @inline(__always) init(_ nest: Attribute, in bytes: RawSpan) throws(NetlinkError) {
        var walk = AttributeWalk(inside: nest)
        var name: Name?
        var data: Attribute?
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case NftExpressionAttribute.name:
                name = Name(rawValue: try Self.start(of: attribute, in: bytes))
            case NftExpressionAttribute.data: data = attribute
            default: break
            }
        }
        (self.name, self.data) = (name, data)
    }

    /// The first 8 bytes of a name, up to its closing zero byte.
    @inline(__always) private static func start(
        of name: Attribute, in bytes: RawSpan
    ) throws(NetlinkError) -> UInt64 {
        guard name.offset + name.count <= bytes.byteCount else { throw name.wrongSize }
        if name.count >= 8 {
            let word = bytes.unsafeLoadUnaligned(fromByteOffset: name.offset, as: UInt64.self)
            return UInt64(littleEndian: word)
        }
        var word: UInt64 = 0
        for index in 0..<name.count {
            let byte = bytes.unsafeLoadUnaligned(
                fromByteOffset: name.offset + index, as: UInt8.self)
            word |= UInt64(byte) << UInt64(index * 8)
        }
        return word
    }

    /// What it counts; nil where it is no counter.
    @inline(__always) func count(in bytes: RawSpan) throws(NetlinkError) -> NftablesCount? {
        guard name == .counter, let data else { return nil }
        return try NftablesCount(data, in: bytes)
    }

    /// An integer among its attributes; nil where it has none of that type.
    func integer(_ type: UInt16, in bytes: RawSpan) throws(NetlinkError) -> UInt32? {
        guard let data, let attribute = try data.first(type, in: bytes) else { return nil }
        return try attribute.bigEndian(UInt32.self, in: bytes)
    }

    /// A register among its attributes; nil where it has none, or the verdict's.
    func register(_ type: UInt16, in bytes: RawSpan) throws(NetlinkError) -> Int? {
        try integer(type, in: bytes).flatMap(NftablesRegisters.index)
    }

    /// The value in an attribute that holds one (`nft_data`); nil where it has none.
    func value(_ type: UInt16, in bytes: RawSpan) throws(NetlinkError) -> Attribute? {
        guard let data, let attribute = try data.first(type, in: bytes) else { return nil }
        return try attribute.first(NftExpressionAttribute.value, in: bytes)
    }
}

/// What a counter has counted.
struct NftablesCount: Hashable, Sendable {
    var packets: UInt64
    var bytes: UInt64

    /// Counts that were read.
    init(packets: UInt64, bytes: UInt64) {
        (self.packets, self.bytes) = (packets, bytes)
    }

    /// Reads the attributes of a counter; throws where it does not have both numbers.
    @inline(__always) init(_ data: Attribute, in bytes: RawSpan) throws(NetlinkError) {
        var walk = AttributeWalk(inside: data)
        var counted: UInt64?
        var packets: UInt64?
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case 1: counted = try attribute.bigEndian(UInt64.self, in: bytes)
            case 2: packets = try attribute.bigEndian(UInt64.self, in: bytes)
            default: break
            }
        }
        guard let counted, let packets else { throw .malformed("a counter has no numbers") }
        self.init(packets: packets, bytes: counted)
    }
}
