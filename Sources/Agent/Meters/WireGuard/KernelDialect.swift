internal import Accounting
internal import Netlink

/// How the kernel's WireGuard and AmneziaWG's three generations of netlink differ in what a peer
/// needs: nothing else in them is read or written.
struct KernelDialect: Hashable, Sendable {
    /// Bytes that a peer's keepalive is written in: 2 hold a number, 4 a range. 0: not known.
    let keepaliveSize: Int
    /// Whether a peer's `advancedSecurity` can be set.
    let setsAdvancedSecurity: Bool

    /// The kernel's own WireGuard.
    static let wireguard = KernelDialect(keepaliveSize: 2, setsAdvancedSecurity: false)
    /// AmneziaWG by the version of its generic netlink family: "1.0", "1.5" to "2.0", "3".
    static let amneziawg: [UInt32: KernelDialect] = [
        1: KernelDialect(keepaliveSize: 2, setsAdvancedSecurity: true),
        2: KernelDialect(keepaliveSize: 2, setsAdvancedSecurity: true),
        3: KernelDialect(keepaliveSize: 4, setsAdvancedSecurity: false),
    ]
    /// A generation that came later: peers are read, blocked and put back, without a keepalive.
    static let unknown = KernelDialect(keepaliveSize: 0, setsAdvancedSecurity: false)

    /// The payload of a peer's keepalive; nil where there is none to write. Where a range cannot
    /// be written its shortest is.
    func keepalive(_ settings: PeerSettings) -> [UInt8]? {
        guard settings.keepalive != 0 || settings.longestKeepalive != nil else { return nil }
        switch keepaliveSize {
        case 2: return withUnsafeBytes(of: settings.keepalive) { Array($0) }
        case 4:
            let longest = settings.longestKeepalive ?? settings.keepalive
            let range = UInt32(longest) << 16 | UInt32(settings.keepalive)
            return withUnsafeBytes(of: range) { Array($0) }
        default: return nil
        }
    }
}

/// How often a peer is sent something, in seconds.
struct Keepalive: Hashable, Sendable {
    /// 0 for never.
    var shortest: UInt16 = 0
    /// The end of a range; nil for a single number.
    var longest: UInt16?

    init() {}

    /// Reads a number, or a range in an integer that is twice as wide: its end stands in the
    /// upper half.
    init(_ attribute: Attribute, in bytes: RawSpan) throws(NetlinkError) {
        let value = try attribute.unsigned(in: bytes)
        let end = attribute.count == 4 ? UInt16(truncatingIfNeeded: value >> 16) : 0
        shortest = UInt16(truncatingIfNeeded: value)
        longest = end > shortest ? end : nil
    }
}

extension KernelDevice {
    /// The dialect of the module that is loaded now.
    func dialect() throws(NetlinkError) -> KernelDialect {
        guard name.kind == .amneziawg else { return .wireguard }
        let family = name.kind.rawValue
        let version = try namespace.withGeneric { (socket) throws(NetlinkError) in
            try socket.version(of: family)
        }
        return KernelDialect.amneziawg[version] ?? .unknown
    }
}
