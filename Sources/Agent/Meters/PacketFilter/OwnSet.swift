internal import Accounting

/// One set of the agent's own table. All of them are hash sets, so that a packet costs the same
/// however many elements there are: networks stand in a set for each length of prefix, and rules
/// mask the address before they look it up.
struct OwnSet: Hashable {
    /// What becomes of a packet that has an element.
    enum Role: String, CaseIterable {
        /// It is counted as one from a client.
        case incoming = "in"
        /// It is counted as one to a client.
        case outgoing = "out"
        /// It is dropped.
        case shut
        /// It is dropped at its interface.
        case drop
        /// It is not dropped at its interface.
        case spare
    }

    /// What elements name.
    enum Subject: Hashable {
        /// `nfproto . l4proto . port`.
        case ports
        /// Addresses, their first bits at least.
        case addresses(isIPv6: Bool, prefixLength: UInt8)
    }

    let role: Role
    let subject: Subject

    /// Its name in the table: `ports_in`, `ip4_24_shut`.
    var name: String {
        switch subject {
        case .ports: "ports_\(role.rawValue)"
        case .addresses(let isIPv6, let length):
            "ip\(isIPv6 ? 6 : 4)_\(length)_\(role.rawValue)"
        }
    }

    /// Whether elements have a counter each.
    var counts: Bool { role == .incoming || role == .outgoing }

    /// Whether an interface's name stands before the address.
    var namesInterface: Bool { role == .drop || role == .spare }

    /// Bytes of an element's key. Each part of it takes a multiple of 4.
    var keyLength: Int {
        switch subject {
        case .ports: 12
        case .addresses(let isIPv6, _): (namesInterface ? 16 : 0) + (isIPv6 ? 16 : 4)
        }
    }

    /// What `nft` shows the key as: its own numbers of types, 6 bits each.
    var keyType: UInt32 {
        switch subject {
        case .ports: Self.protocolFamily << 12 | Self.transport << 6 | Self.service
        case .addresses(let isIPv6, _):
            (namesInterface ? Self.interfaceName << 6 : 0) | (isIPv6 ? 8 : 7)
        }
    }

    private static let protocolFamily: UInt32 = 2
    private static let transport: UInt32 = 12
    private static let service: UInt32 = 13
    private static let interfaceName: UInt32 = 41

    init(_ role: Role, _ subject: Subject) {
        self.role = role
        self.subject = subject
    }

    /// The set of that name; nil where the table has none such.
    init?(named name: String) {
        let parts = name.split(separator: "_", omittingEmptySubsequences: false)
        guard let last = parts.last, let role = Role(rawValue: String(last)) else { return nil }
        if parts.count == 2, parts[0] == "ports" {
            self.init(role, .ports)
        } else if parts.count == 3, parts[0] == "ip4" || parts[0] == "ip6",
            let length = UInt8(parts[1])
        {
            let isIPv6 = parts[0] == "ip6"
            guard length <= (isIPv6 ? 128 : 32) else { return nil }
            self.init(role, .addresses(isIPv6: isIPv6, prefixLength: length))
        } else {
            return nil
        }
        guard self.name == name, !(namesInterface && subject == .ports) else { return nil }
    }
}

extension OwnSet: Comparable {
    /// An order in which longer prefixes come first.
    static func < (one: OwnSet, other: OwnSet) -> Bool {
        one.order < other.order
    }

    private var order: (Int, Int, String) {
        switch subject {
        case .ports: (0, 0, role.rawValue)
        case .addresses(let isIPv6, let length): (isIPv6 ? 2 : 1, -Int(length), role.rawValue)
        }
    }
}
