internal import Accounting
internal import Glibc
internal import Netlink

/// What one element of a `WG_CMD_SET_DEVICE` message says about one peer.
struct PeerChange: Sendable {
    var key: PublicKey
    var flags: PeerFlags
    var presharedKey: PublicKey?
    var endpoint: Endpoint?
    /// The payload that the dialect has for it; nil leaves it as it is.
    var keepalive: [UInt8]?
    var advancedSecurity = false
    var addresses: [AddressRange] = []

    /// Allowed IPs in one element: what is over goes into elements of their own, so that each
    /// fits a message (40 bytes an IPv6 address).
    private static let mostAddresses = 256

    /// The change as elements of which each fits a message; the first alone replaces.
    var pieces: [PeerChange] {
        guard addresses.count > Self.mostAddresses else { return [self] }
        var first = self
        first.addresses = Array(addresses.prefix(Self.mostAddresses))
        let rest = PeerChange(
            key: key, flags: [.updateOnly],
            addresses: Array(addresses.dropFirst(Self.mostAddresses)))
        return [first] + rest.pieces
    }

    /// Writes the element.
    func write(to request: inout NetlinkRequest) throws(NetlinkError) {
        try request.nest(0) { (peer) throws(NetlinkError) in
            try peer.add(PeerAttribute.publicKey, key.bytes)
            try peer.add(PeerAttribute.flags, integer: flags.rawValue)
            if let presharedKey { try peer.add(PeerAttribute.presharedKey, presharedKey.bytes) }
            if let endpoint { try peer.add(PeerAttribute.endpoint, endpoint.socketAddress) }
            if let keepalive { try peer.add(PeerAttribute.keepalive, keepalive) }
            if advancedSecurity { try peer.add(PeerAttribute.advancedSecurity, []) }
            guard !addresses.isEmpty else { return }
            try peer.nest(PeerAttribute.allowedIPs) { (list) throws(NetlinkError) in
                for address in addresses { try address.write(to: &list) }
            }
        }
    }
}

extension AddressRange {
    fileprivate func write(to request: inout NetlinkRequest) throws(NetlinkError) {
        let family: UInt16 = isIPv6 ? 10 : 2
        try request.nest(0) { (element) throws(NetlinkError) in
            try element.add(AllowedIPAttribute.family, integer: family)
            try element.add(AllowedIPAttribute.address, bytes)
            try element.add(AllowedIPAttribute.prefix, integer: prefixLength)
        }
    }
}

extension KernelDevice {
    /// Sends changes in as few messages as hold them. The kernel may apply the first ones and
    /// refuse a later one.
    func send(_ changes: [PeerChange], doing: String) throws(NetlinkError) {
        if name.kind == .amneziawg { try assureItIsThere(doing) }
        let command = GenericNetlink.Command(
            name.kind.rawValue, DeviceCommand.set, doing: doing)
        try namespace.withGeneric { (socket) throws(NetlinkError) in
            try socket.send(
                command, changes.flatMap(\.pieces), nest: DeviceAttribute.peers,
                begin: { (request) throws(NetlinkError) in
                    try request.add(DeviceAttribute.index, integer: index)
                },
                write: { (request, change) throws(NetlinkError) in
                    try change.write(to: &request)
                })
        }
    }

    /// AmneziaWG's module of the third generation follows a null pointer, which stops the kernel,
    /// where the device of a change is not there or is of another kind.
    private func assureItIsThere(_ doing: String) throws(NetlinkError) {
        let link = try namespace.withRoute { (socket) throws(NetlinkError) in
            try socket.link(index: index)
        }
        guard link.kind == name.kind.rawValue else {
            throw NetlinkError(
                .system(EOPNOTSUPP), doing: doing, reason: "the interface is of another kind now")
        }
    }
}
