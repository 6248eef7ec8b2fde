internal import Netlink

/// Numbers of linux/netfilter/nf_tables.h. All integers are in network byte order; what has another
/// number is passed over.
enum NftTableAttribute {
    static let name: UInt16 = 1
    static let handle: UInt16 = 4
}

enum NftChainAttribute {
    static let table: UInt16 = 1
    static let name: UInt16 = 3
    static let hook: UInt16 = 4
    static let use: UInt16 = 6
    static let type: UInt16 = 7
    /// Inside of `hook`.
    static let hookNumber: UInt16 = 1
}

enum NftRuleAttribute {
    static let table: UInt16 = 1
    static let chain: UInt16 = 2
    static let handle: UInt16 = 3
    static let expressions: UInt16 = 4
    static let userdata: UInt16 = 7
}

enum NftSetAttribute {
    static let table: UInt16 = 1
    static let name: UInt16 = 2
    static let flags: UInt16 = 3
    static let keyLength: UInt16 = 5
    static let dataType: UInt16 = 6
    static let handle: UInt16 = 16
    static let expression: UInt16 = 17
    static let expressions: UInt16 = 18
}

enum NftElementsAttribute {
    static let table: UInt16 = 1
    static let set: UInt16 = 2
    static let elements: UInt16 = 3
}

enum NftElementAttribute {
    static let key: UInt16 = 1
    static let data: UInt16 = 2
    static let flags: UInt16 = 3
    static let userdata: UInt16 = 6
    static let expression: UInt16 = 7
    static let object: UInt16 = 9
    static let keyEnd: UInt16 = 10
    static let expressions: UInt16 = 11
}

enum NftObjectAttribute {
    static let table: UInt16 = 1
    static let name: UInt16 = 2
    static let type: UInt16 = 3
    static let data: UInt16 = 4
    static let handle: UInt16 = 6
}

/// Attributes of an expression, and of what stands in them.
enum NftExpressionAttribute {
    /// An element of a list (`NFTA_LIST_ELEM`).
    static let element: UInt16 = 1
    static let name: UInt16 = 1
    static let data: UInt16 = 2
    /// `nft_data`: a value, or a verdict.
    static let value: UInt16 = 1
    static let verdict: UInt16 = 2
    static let verdictCode: UInt16 = 1
    static let verdictChain: UInt16 = 2
}

extension Attribute {
    /// The first attribute of type `wanted` inside of this nest; nil where there is none.
    @inline(__always) func first(
        _ wanted: UInt16, in bytes: RawSpan
    ) throws(NetlinkError) -> Attribute? {
        var walk = AttributeWalk(inside: self)
        while let attribute = try walk.next(in: bytes) {
            if attribute.type == wanted { return attribute }
        }
        return nil
    }

    /// Whether the payload is `expected`.
    @inline(__always) func holds(_ expected: [UInt8], in bytes: RawSpan) -> Bool {
        guard count == expected.count, offset + count <= bytes.byteCount else { return false }
        for index in 0..<count {
            let byte = bytes.unsafeLoadUnaligned(fromByteOffset: offset + index, as: UInt8.self)
            guard byte == expected[index] else { return false }
        }
        return true
    }
}
