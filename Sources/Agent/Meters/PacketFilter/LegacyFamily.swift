internal import Glibc

/// One of the two families of iptables-legacy, and where the kernel's structs for it have what they
/// have (`struct ipt_entry`, `struct ip6t_entry`; 64-bit layout, host byte order but for addresses).
enum LegacyFamily: Int, Hashable, Sendable, CaseIterable {
    case ipv4
    case ipv6

    /// The program whose tables these are, for people.
    var program: String { self == .ipv4 ? "iptables" : "ip6tables" }

    /// The file that lists the tables which there are: asking for one that is not makes it.
    var namesFile: String {
        self == .ipv4
            ? "/proc/thread-self/net/ip_tables_names" : "/proc/thread-self/net/ip6_tables_names"
    }

    /// What is counted.
    var families: FilterCounter.Families { self == .ipv4 ? .ipv4 : .ipv6 }

    var domain: Int32 { self == .ipv4 ? AF_INET : AF_INET6 }
    /// `SOL_IP`, `SOL_IPV6`.
    var level: Int32 { self == .ipv4 ? 0 : 41 }

    /// `IPT_SO_GET_INFO`, `IP6T_SO_GET_INFO`.
    static let info: Int32 = 64
    /// `IPT_SO_GET_ENTRIES`, `IP6T_SO_GET_ENTRIES`.
    static let entries: Int32 = 65

    /// Bytes of an entry before its matches.
    var headerSize: Int { self == .ipv4 ? 112 : 168 }
    var addressSize: Int { self == .ipv4 ? 4 : 16 }
    var sourceAt: Int { 0 }
    var destinationAt: Int { addressSize }
    var sourceMaskAt: Int { addressSize * 2 }
    var destinationMaskAt: Int { addressSize * 3 }
    /// Two names of interfaces, then their masks, of 16 bytes each.
    var interfacesAt: Int { addressSize * 4 }
    var interfaceMasksAt: Int { interfacesAt + 32 }
    var protocolAt: Int { self == .ipv4 ? 80 : 128 }
    /// `IPT_F_*`; for IPv6 the traffic class stands before it.
    var flagsAt: Int { self == .ipv4 ? 82 : 131 }
    var inversionsAt: Int { flagsAt + 1 }
    var targetOffsetAt: Int { self == .ipv4 ? 88 : 140 }
    var nextOffsetAt: Int { targetOffsetAt + 2 }
    /// Packets and bytes.
    var countersAt: Int { self == .ipv4 ? 96 : 152 }
    /// What the rule asks of a packet's header, up to the kernel's own fields: `struct ipt_ip`
    /// without what pads it.
    var askedSize: Int { inversionsAt + 1 }

    /// Flags that make a rule ask for more than addresses, interfaces and protocol: fragments, and
    /// for IPv6 the traffic class.
    var askingFlags: UInt8 { self == .ipv4 ? 1 : 2 }
}
