internal import Netlink

/// A set or a map.
struct NftablesSet: Sendable {
    var name: NftablesName
    var handle: UInt64 = 0
    var keyLength = 0
    private var flags: UInt32 = 0
    private var dataType: UInt32 = 0
    /// Whether each element is said to have a counter; where not, some may have one all the same.
    private(set) var saysItCounts = false

    /// Made by nft for one rule, which alone can use it, and never changed (`{ 80, 443 }`).
    var isFixed: Bool { flags & 3 == 3 }
    /// Whether its elements are the ends of ranges, one field each.
    var isOfRanges: Bool { flags & 4 != 0 }
    /// Whether it leads to verdicts.
    var isOfVerdicts: Bool { flags & 8 != 0 && dataType == 0xffff_ff00 }

    /// Whether it leads to named counters or other objects.
    var isOfObjects: Bool { flags & 0x40 != 0 }

    /// Reads a set.
    init(_ bytes: RawSpan) throws(NetlinkError) {
        name = NftablesName(family: try bytes.netfilterFamily(), table: "")
        var walk = AttributeWalk(bytes, from: NetlinkRequest.netfilterHeaderSize)
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case NftSetAttribute.table: name.table = try attribute.text(in: bytes)
            case NftSetAttribute.name: name.name = try attribute.text(in: bytes)
            case NftSetAttribute.flags: flags = try attribute.bigEndian(UInt32.self, in: bytes)
            case NftSetAttribute.keyLength:
                keyLength = Int(try attribute.bigEndian(UInt32.self, in: bytes))
            case NftSetAttribute.dataType:
                dataType = try attribute.bigEndian(UInt32.self, in: bytes)
            case NftSetAttribute.handle:
                handle = try attribute.bigEndian(UInt64.self, in: bytes)
            case NftSetAttribute.expression:
                let name = try NftablesExpression(attribute, in: bytes).name
                saysItCounts = saysItCounts || name == .counter
            case NftSetAttribute.expressions:
                let counts = try attribute.hasCounter(in: bytes)
                saysItCounts = saysItCounts || counts
            default: break
            }
        }
        guard !name.table.isEmpty, !name.name.isEmpty, handle > 0, (1...64).contains(keyLength)
        else { throw .malformed("a set has no name, no handle or no keys") }
    }
}

extension Attribute {
    /// Whether a counter stands in a list of expressions, with numbers or, as in a set, without.
    func hasCounter(in bytes: RawSpan) throws(NetlinkError) -> Bool {
        var walk = AttributeWalk(inside: self)
        while let element = try walk.next(in: bytes) {
            if try NftablesExpression(element, in: bytes).name == .counter { return true }
        }
        return false
    }

    /// What the first counter of a list of expressions has counted; nil where it has none.
    @inline(__always) func count(in bytes: RawSpan) throws(NetlinkError) -> NftablesCount? {
        var walk = AttributeWalk(inside: self)
        while let element = try walk.next(in: bytes) {
            if let count = try NftablesExpression(element, in: bytes).count(in: bytes) {
                return count
            }
        }
        return nil
    }
}
