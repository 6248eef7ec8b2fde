internal import Netlink

/// The elements of a set or map as they were dumped, side by side in flat lists: a set may have very
/// many, and no element has anything allocated of its own.
struct NftablesElements: Sendable {
    /// What an element is.
    struct Flags: OptionSet, Hashable, Sendable {
        let rawValue: UInt8

        /// `NFT_SET_ELEM_INTERVAL_END`: the key is the first that is not in a range any more.
        static let rangeEnd = Flags(rawValue: 1)
        /// `NFT_SET_ELEM_CATCHALL`: it has no key.
        static let rest = Flags(rawValue: 2)
        /// It has a counter.
        static let counts = Flags(rawValue: 4)
        /// It has the last key of a range too, in `ends`.
        static let hasEnd = Flags(rawValue: 8)
    }

    let keyLength: Int
    /// `keyLength` bytes for each element.
    private(set) var keys: [UInt8] = []
    /// `keyLength` bytes for each element that has an end, in their order.
    private(set) var ends: [UInt8] = []
    private(set) var flags: [Flags] = []
    private(set) var counts: [NftablesCount] = []
    /// The comments' userdata one behind the other, and where the one of each element ends.
    private(set) var userdata: [UInt8] = []
    private(set) var userdataEnds: [UInt32] = []
    /// The chains that verdicts of a map lead to.
    private(set) var chains: [String] = []

    /// The objects that a map leads to.
    private(set) var objects: [String] = []

    /// No elements yet; `expected` are made room for.
    init(keyLength: Int, expecting expected: Int = 0) {
        self.keyLength = keyLength
        keys.reserveCapacity(expected * keyLength)
        flags.reserveCapacity(expected)
        counts.reserveCapacity(expected)
        userdataEnds.reserveCapacity(expected)
    }

    var count: Int { flags.count }

    /// Whether some element has a counter.
    var hasCounters: Bool { flags.contains { $0.contains(.counts) } }

    /// Whether all but the counts is the same, in the same order.
    func isSame(as other: NftablesElements) -> Bool {
        keys == other.keys && flags == other.flags && ends == other.ends
            && userdata == other.userdata && userdataEnds == other.userdataEnds
    }

    /// Adds the elements of one message, which is of the set that was asked for.
    mutating func add(_ bytes: RawSpan) throws(NetlinkError) {
        var walk = AttributeWalk(bytes, from: NetlinkRequest.netfilterHeaderSize)
        while let attribute = try walk.next(in: bytes) {
            guard attribute.type == NftElementsAttribute.elements else { continue }
            var elements = AttributeWalk(inside: attribute)
            while let element = try elements.next(in: bytes) { try add(element, bytes) }
        }
    }

    private mutating func add(_ element: Attribute, _ bytes: RawSpan) throws(NetlinkError) {
        var walk = AttributeWalk(inside: element)
        var flags: Flags = []
        var count = NftablesCount(packets: 0, bytes: 0)
        var (key, end): (Attribute?, Attribute?)
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case NftElementAttribute.key:
                key = try attribute.first(NftExpressionAttribute.value, in: bytes)
            case NftElementAttribute.keyEnd:
                end = try attribute.first(NftExpressionAttribute.value, in: bytes)
            case NftElementAttribute.flags:
                let number = try attribute.bigEndian(UInt32.self, in: bytes)
                flags.formUnion(Flags(rawValue: UInt8(number & 3)))
            case NftElementAttribute.expression:
                guard
                    let counted = try NftablesExpression(attribute, in: bytes).count(in: bytes)
                else { continue }
                (count, flags) = (counted, flags.union(.counts))
            case NftElementAttribute.expressions:
                guard let counted = try attribute.count(in: bytes) else { continue }
                (count, flags) = (counted, flags.union(.counts))
            case NftElementAttribute.userdata: try add(userdata: attribute, bytes)
            case NftElementAttribute.object: objects.append(try attribute.text(in: bytes))
            case NftElementAttribute.data: try add(data: attribute, bytes)
            default: break
            }
        }
        if let end, !flags.contains(.rest) {
            flags.insert(.hasEnd)
            try Self.append(end, keyLength, to: &ends, bytes)
        }
        if let key {
            try Self.append(key, keyLength, to: &keys, bytes)
        } else if flags.contains(.rest) {
            keys += repeatElement(0, count: keyLength)
        } else {
            throw .malformed("an element has no key")
        }
        self.flags.append(flags)
        counts.append(count)
        userdataEnds.append(UInt32(truncatingIfNeeded: userdata.count))
    }

    @inline(__always) private static func append(
        _ value: Attribute, _ length: Int, to list: inout [UInt8], _ bytes: RawSpan
    ) throws(NetlinkError) {
        guard value.count == length else { throw value.wrongSize }
        for index in value.offset..<value.offset + length {
            list.append(bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt8.self))
        }
    }

    private mutating func add(userdata: Attribute, _ bytes: RawSpan) throws(NetlinkError) {
        self.userdata += try userdata.array(in: bytes)
    }

    /// Notes where a verdict leads.
    private mutating func add(data: Attribute, _ bytes: RawSpan) throws(NetlinkError) {
        guard let verdict = try data.first(NftExpressionAttribute.verdict, in: bytes),
            let chain = try verdict.first(NftExpressionAttribute.verdictChain, in: bytes)
        else { return }
        chains.append(try chain.text(in: bytes))
    }

    /// The key of the element at `index`.
    func key(at index: Int) -> ArraySlice<UInt8> {
        keys[index * keyLength..<(index + 1) * keyLength]
    }

    /// The comment of the element at `index`; nil where it has none.
    func comment(at index: Int) -> String? {
        let start = index == 0 ? 0 : Int(userdataEnds[index - 1])
        return NftablesComment.inside(userdata[start..<Int(userdataEnds[index])])
    }
}
