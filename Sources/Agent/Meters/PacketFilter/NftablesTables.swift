internal import Netlink

/// What names a table, or anything in it.
struct NftablesName: Hashable, Sendable {
    /// `NFPROTO_*`.
    var family: UInt8
    var table: String
    /// The name of what stands in the table; empty for the table itself.
    var name = ""

    /// Whether IP packets come by, and the table is not this agent's own.
    var isWanted: Bool {
        switch family {
        case NftablesMatch.ipv4, NftablesMatch.ipv6: true
        case Self.inet: table != Self.own
        default: false
        }
    }

    static let inet: UInt8 = 1
    /// The agent's own table, of `inet`.
    static let own = "tollkeeper"

    /// The table, as `nft` prints it.
    var tableText: String {
        let families: [UInt8: String] = [Self.inet: "inet", 2: "ip", 10: "ip6"]
        return "\(families[family] ?? "\(family)") \(table)"
    }

    /// The table that this stands in.
    var itsTable: NftablesName { NftablesName(family: family, table: table) }
}

extension RawSpan {
    /// The family in an answer's `struct nfgenmsg`.
    func netfilterFamily() throws(NetlinkError) -> UInt8 {
        guard byteCount >= NetlinkRequest.netfilterHeaderSize else {
            throw .malformed("a message of nftables is too short")
        }
        return unsafeLoadUnaligned(as: UInt8.self)
    }
}

/// A table.
struct NftablesTable: Sendable {
    var name: NftablesName
    var handle: UInt64 = 0

    /// Reads a table.
    init(_ bytes: RawSpan) throws(NetlinkError) {
        name = NftablesName(family: try bytes.netfilterFamily(), table: "")
        var walk = AttributeWalk(bytes, from: NetlinkRequest.netfilterHeaderSize)
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case NftTableAttribute.name: name.table = try attribute.text(in: bytes)
            case NftTableAttribute.handle:
                handle = try attribute.bigEndian(UInt64.self, in: bytes)
            default: break
            }
        }
        guard !name.table.isEmpty, handle > 0 else {
            throw .malformed("a table has no name or no handle")
        }
    }
}

/// A chain.
struct NftablesChain: Sendable {
    var name: NftablesName
    /// The hooks that it has of its own; none for a chain that others lead to.
    var hooks: FilterHooks = []
    /// Rules in it and jumps to it; 0 where it has none of either.
    var use: UInt32?

    /// Reads a chain.
    init(_ bytes: RawSpan) throws(NetlinkError) {
        name = NftablesName(family: try bytes.netfilterFamily(), table: "")
        var walk = AttributeWalk(bytes, from: NetlinkRequest.netfilterHeaderSize)
        var isOfFirstPackets = false
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case NftChainAttribute.table: name.table = try attribute.text(in: bytes)
            case NftChainAttribute.name: name.name = try attribute.text(in: bytes)
            case NftChainAttribute.use: use = try attribute.bigEndian(UInt32.self, in: bytes)
            case NftChainAttribute.type:
                isOfFirstPackets = try attribute.text(in: bytes) == "nat"
            case NftChainAttribute.hook:
                guard let hook = try attribute.first(NftChainAttribute.hookNumber, in: bytes)
                else { throw .malformed("a chain's hook has no number") }
                hooks = FilterHooks(number: try hook.bigEndian(UInt32.self, in: bytes))
            default: break
            }
        }
        guard !name.table.isEmpty, !name.name.isEmpty else {
            throw .malformed("a chain has no name")
        }
        if isOfFirstPackets, !hooks.isEmpty { hooks.insert(.firstPackets) }
    }
}

/// A named counter or a quota.
struct NftablesObject: Sendable {
    var name: NftablesName
    var type: UInt32 = 0
    var handle: UInt64 = 0
    var count: NftablesCount

    static let counter: UInt32 = 1
    static let quota: UInt32 = 2

    /// Reads a counter or a quota; throws for an object of another type.
    init(_ bytes: RawSpan) throws(NetlinkError) {
        name = NftablesName(family: try bytes.netfilterFamily(), table: "")
        var walk = AttributeWalk(bytes, from: NetlinkRequest.netfilterHeaderSize)
        var data: Attribute?
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case NftObjectAttribute.table: name.table = try attribute.text(in: bytes)
            case NftObjectAttribute.name: name.name = try attribute.text(in: bytes)
            case NftObjectAttribute.type: type = try attribute.bigEndian(UInt32.self, in: bytes)
            case NftObjectAttribute.handle:
                handle = try attribute.bigEndian(UInt64.self, in: bytes)
            case NftObjectAttribute.data: data = attribute
            default: break
            }
        }
        guard !name.table.isEmpty, !name.name.isEmpty, handle > 0, let data else {
            throw .malformed("an object has no name, no handle or no data")
        }
        count = try Self.count(type, data, bytes)
    }

    private static func count(
        _ type: UInt32, _ data: Attribute, _ bytes: RawSpan
    ) throws(NetlinkError) -> NftablesCount {
        switch type {
        case counter: return try NftablesCount(data, in: bytes)
        case quota:
            // NFTA_QUOTA_CONSUMED
            guard let consumed = try data.first(4, in: bytes) else {
                throw .malformed("a quota does not say what is used of it")
            }
            return NftablesCount(packets: 0, bytes: try consumed.bigEndian(UInt64.self, in: bytes))
        default: throw .malformed("an object is of type \(type)")
        }
    }
}
