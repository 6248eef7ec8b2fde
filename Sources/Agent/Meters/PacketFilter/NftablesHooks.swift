/// Where packets come by the rules of a chain.
struct NftablesHooks: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    static let prerouting = NftablesHooks(rawValue: 1)
    static let input = NftablesHooks(rawValue: 2)
    static let forward = NftablesHooks(rawValue: 4)
    static let output = NftablesHooks(rawValue: 8)
    static let postrouting = NftablesHooks(rawValue: 16)
    /// A chain of the type `nat`, which only sees the first packet of a connection.
    static let firstPackets = NftablesHooks(rawValue: 32)

    private static let arriving: NftablesHooks = [.prerouting, .input]
    private static let leaving: NftablesHooks = [.output, .postrouting]

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

/// The chains and who jumps to whom.
struct NftablesReach {
    private(set) var hooks: [NftablesHooks]
    private var targets: [Set<Int>]

    /// Chains with the hooks that they have of their own.
    init(_ hooks: [NftablesHooks]) {
        self.hooks = hooks
        targets = Array(repeating: [], count: hooks.count)
    }

    /// Says that a rule of the chain `from` jumps or goes to the chain `to`.
    mutating func add(from: Int, to: Int) {
        targets[from].insert(to)
    }

    /// Gives each chain the hooks of those that lead to it.
    mutating func spread() {
        var waiting = hooks.indices.filter { !hooks[$0].isEmpty }
        while let chain = waiting.popLast() {
            for target in targets[chain] where !hooks[target].isSuperset(of: hooks[chain]) {
                hooks[target].formUnion(hooks[chain])
                waiting.append(target)
            }
        }
    }
}
