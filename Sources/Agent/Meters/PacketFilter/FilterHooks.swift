/// Where packets come by the rules of a chain: the hooks of netfilter from which it is reached.
struct FilterHooks: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    static let prerouting = FilterHooks(rawValue: 1)
    static let input = FilterHooks(rawValue: 2)
    static let forward = FilterHooks(rawValue: 4)
    static let output = FilterHooks(rawValue: 8)
    static let postrouting = FilterHooks(rawValue: 16)
    /// A chain of the type `nat`, which only sees the first packet of a connection.
    static let firstPackets = FilterHooks(rawValue: 32)

    private static let arriving: FilterHooks = [.prerouting, .input]
    private static let leaving: FilterHooks = [.output, .postrouting]

    /// The hook with this number (`NF_INET_*`); none for one that no IP packet comes by.
    init(number: UInt32) {
        self.init(rawValue: number < 5 ? 1 << UInt8(number) : 0)
    }

    init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Whether every packet comes by, and none twice.
    var seesEveryPacketOnce: Bool {
        guard !contains(.firstPackets) else { return false }
        return
            !(contains(.prerouting) && !isDisjoint(with: [.input, .forward])
            || contains(.postrouting) && !isDisjoint(with: [.output, .forward]))
    }

    /// Which way all that comes by goes, a forwarded packet counted as coming; nil where it is both.
    var direction: FilterCounter.Direction? {
        let places = subtracting(.firstPackets)
        guard !places.isEmpty else { return nil }
        if places.isDisjoint(with: Self.leaving) { return .incoming }
        return places.isSubset(of: Self.leaving) ? .outgoing : nil
    }

    /// Which way a packet goes whose source or destination port is that of a service here, or behind
    /// this host; nil where packets of this host's own connections elsewhere come by too.
    func direction(of side: NftablesMatch.Side) -> FilterCounter.Direction? {
        guard !subtracting(.firstPackets).isEmpty else { return nil }
        switch side {
        case .destination: return isDisjoint(with: Self.leaving) ? .incoming : nil
        case .source: return isDisjoint(with: Self.arriving) ? .outgoing : nil
        }
    }
}
