import Accounting
import Meters

/// The tunnel addresses of one interface that nothing may pass to or from, so that a shut peer
/// which somebody adds again is heard of by nobody before it is removed anew.
struct DropSet: Hashable, Sendable {
    private(set) var dropped: Set<InterfaceAddress> = []
    /// Addresses within `dropped` that an open peer has.
    private(set) var spared: Set<InterfaceAddress> = []

    init() {}

    /// Takes the addresses of shut and of open peers. An open peer works whatever the shut ones had:
    /// what lies in one of its ranges is not dropped, and ranges of its own within a dropped one are
    /// spared.
    init(at interface: String, shut: some Sequence<AddressRange>, open: [AddressRange]) {
        let open = Networks(open)
        let dropped = Networks(shut.filter { !open.contain($0) })
        let spared = open.ranges.filter(dropped.contain)
        self.dropped = Set(dropped.ranges.compactMap { InterfaceAddress(interface, $0) })
        self.spared = Set(spared.compactMap { InterfaceAddress(interface, $0) })
    }

    mutating func add(_ other: DropSet) {
        dropped.formUnion(other.dropped)
        spared.formUnion(other.spared)
    }
}

/// Networks that a range is quickly found in, however many they are.
private struct Networks {
    let ranges: Set<AddressRange>
    private let prefixes: Set<Prefix>

    private struct Prefix: Hashable {
        let isIPv6: Bool
        let length: UInt8
    }

    init(_ ranges: some Sequence<AddressRange>) {
        self.ranges = Set(ranges.map(\.network))
        prefixes = Set(self.ranges.map { Prefix(isIPv6: $0.isIPv6, length: $0.prefixLength) })
    }

    /// Whether all of a range is in one of them.
    func contain(_ range: AddressRange) -> Bool {
        prefixes.contains { prefix in
            prefix.isIPv6 == range.isIPv6 && prefix.length <= range.prefixLength
                && ranges.contains(range.network(of: prefix.length))
        }
    }
}
