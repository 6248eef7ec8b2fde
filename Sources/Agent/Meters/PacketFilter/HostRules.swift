public import Accounting
internal import Netlink

/// One of the kernel's packet filters, and what its rules have counted.
protocol FilterSource: AnyObject {
    /// Every counter of its rules that counts a port, an address or a name; none where the kernel
    /// does not have the filter, or where nobody uses it.
    func read() throws(MeterError) -> [FilterCounter]
}

/// What the host's own rules count: `ports/host`. Read, and charged to nobody.
public final class HostRules: Meter {
    /// `ports/host`.
    public let name = MeterName(kind: .ports, device: MeterName.hostPorts)
    /// Counters of the kernel's, with nothing to open or shut.
    public let traits = MeterTraits(source: "kernel", blocksInPlace: true)
    /// What people should know of the rules; empty: nothing.
    public private(set) var notes: [String] = []

    private var hasCounted = false
    private let clock: HostClock
    private let sources: [any FilterSource]
    /// The namespace of this boot: what a handle is told apart from others by.
    let generation: String
    private let meters: PortMeters

    /// Reads the rules of the namespace whose cookie is `namespace`.
    init(clock: HostClock, namespace: UInt64, sources: [any FilterSource]) {
        self.clock = clock
        self.sources = sources
        generation = "rules:\(clock.boot):\(namespace)"
        meters = PortMeters(name, generation: generation)
    }

    /// Opens the packet filters of this thread's namespace.
    public static func open(clock: HostClock) throws(MeterError) -> HostRules {
        do throws(NetlinkError) {
            let nftables = try NftablesSource(in: .current)
            return HostRules(
                clock: clock, namespace: nftables.namespaceCookie, sources: [nftables, LegacyRules(in: .current)])
        } catch {
            throw MeterError(error, doing: "reach this host's packet filters")
        }
    }

    /// Whether any rule counts something, or did so before; also where that cannot be read.
    public func isInUse() -> Bool {
        if !hasCounted { hasCounted = (try? counters().isEmpty) != true }
        return hasCounted
    }

    /// Reads every rule, and takes for each key one counter a direction and family. A rule may have
    /// been put back with old counts: its first value is a baseline.
    public func read() throws(MeterError) -> MeterReading {
        let all = try counters()
        let counts = all.compactMap { PortCount($0, of: meters) }
        return MeterReading(counts, of: meters, startsFromZero: false, at: clock.now())
    }

    /// Every counter that counts exactly one of `keys`, one a direction and family.
    func counters(of keys: Set<PortKey>) throws(MeterError) -> [FilterCounter] {
        try counters().filter { keys.contains($0.key) }
    }

    private func counters() throws(MeterError) -> [FilterCounter] {
        var all: [FilterCounter] = []
        for source in sources { all += try source.read() }
        return all
    }

    /// Nobody asks that of rules that are only read.
    public func block(_ keys: [Key]) throws(MeterError) { throw refusal }

    /// Nobody asks that of rules that are only read.
    public func remove(_ keys: [Key]) throws(MeterError) -> Removal { throw refusal }

    /// Nobody asks that of rules that are only read.
    public func restore(_ settings: [PeerSettings]) throws(MeterError) { throw refusal }

    private var refusal: MeterError {
        MeterError(
            .failed, doing: "change the host's own rules",
            reason: "they are only read; name the port, and the agent counts and shuts it itself")
    }
}

extension PortCount {
    /// Nil where the key is too long for one.
    init?(_ counter: FilterCounter, of meters: PortMeters) {
        guard let key = counter.key.key else { return nil }
        let part = PortPart(
            counter.direction, counter.families, identity: " \(counter.identity)", of: meters)
        self.init(key: key, part: part, packets: counter.packets, bytes: counter.bytes)
    }
}
