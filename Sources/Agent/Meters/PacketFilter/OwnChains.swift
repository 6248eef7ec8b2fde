internal import Netlink

/// The chains of a network namespace, as far as the agent's own table is concerned.
struct OwnChains {
    /// Those of the own table.
    private(set) var own: [String: OwnState.ChainFacts] = [:]
    /// Whether any table rewrites addresses.
    private(set) var translates = false

    /// Reads a chain of any table.
    mutating func take(_ bytes: RawSpan) throws(NetlinkError) {
        guard bytes.byteCount >= OwnNumber.headerSize else {
            throw .malformed("a chain's message is too short")
        }
        let family = bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt8.self)
        var facts = OwnState.ChainFacts()
        var (table, name): (String?, String?)
        var walk = AttributeWalk(bytes, from: OwnNumber.headerSize)
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case ChainAttribute.table: table = try attribute.text(in: bytes)
            case ChainAttribute.name: name = try attribute.text(in: bytes)
            case ChainAttribute.type: facts.type = try attribute.text(in: bytes)
            case ChainAttribute.policy:
                facts.policy = try attribute.bigEndian(UInt32.self, in: bytes)
            case ChainAttribute.hook: facts.hook = try Self.hook(attribute, in: bytes)
            default: continue
            }
        }
        if facts.type == "nat" { translates = true }
        guard family == OwnNumber.family, table == OwnTable.name, let name else { return }
        own[name] = facts
    }

    private static func hook(
        _ nest: Attribute, in bytes: RawSpan
    ) throws(NetlinkError) -> OwnChain.Hook {
        var hook = OwnChain.Hook(number: .max, priority: 0)
        var walk = AttributeWalk(inside: nest)
        while let attribute = try walk.next(in: bytes) {
            switch attribute.type {
            case HookAttribute.number:
                hook.number = try attribute.bigEndian(UInt32.self, in: bytes)
            case HookAttribute.priority:
                hook.priority = try attribute.bigEndian(Int32.self, in: bytes)
            default: continue
            }
        }
        return hook
    }
}
