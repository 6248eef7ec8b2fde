/// Numbers of linux/wireguard.h, which all of AmneziaWG's dialects share; what is theirs alone
/// stands in `KernelDialect`. What has another number is passed over.
enum DeviceAttribute {
    static let index: UInt16 = 1
    static let listenPort: UInt16 = 6
    static let peers: UInt16 = 8
}

enum PeerAttribute {
    static let publicKey: UInt16 = 1
    static let presharedKey: UInt16 = 2
    static let flags: UInt16 = 3
    static let endpoint: UInt16 = 4
    static let keepalive: UInt16 = 5
    static let lastHandshake: UInt16 = 6
    static let received: UInt16 = 7
    static let sent: UInt16 = 8
    static let allowedIPs: UInt16 = 9
    /// A flag without payload, of AmneziaWG alone.
    static let advancedSecurity: UInt16 = 11
}

enum AllowedIPAttribute {
    static let family: UInt16 = 1
    static let address: UInt16 = 2
    static let prefix: UInt16 = 3
}

enum DeviceCommand {
    static let get: UInt8 = 0
    static let set: UInt8 = 1
}

struct PeerFlags: OptionSet {
    let rawValue: UInt32

    static let removeMe = PeerFlags(rawValue: 1)
    static let replaceAllowedIPs = PeerFlags(rawValue: 2)
    static let updateOnly = PeerFlags(rawValue: 4)
    /// AmneziaWG's: the presence of `PeerAttribute.advancedSecurity` means something.
    static let hasAdvancedSecurity = PeerFlags(rawValue: 8)
}
