public import Accounting
internal import Netlink

/// One of the kernel's packet filters, and what its rules have counted.
protocol FilterSource: AnyObject {
    /// Every counter of its rules that counts a port, an address or a name; none where the kernel
    /// does not have the filter, or where nobody uses it. `shape` is the same for two readings that
    /// differ in nothing but counts.
    func read() throws(MeterError) -> (counters: [FilterCounter], shape: UInt64)
}

/// What the host's own rules count: `ports/host`. Read, and charged to nobody.
public final class HostRules: Meter {
    /// `ports/host`.
    public let name = MeterName(kind: .ports, device: MeterName.hostPorts)
    /// Counters of the kernel's, with nothing to open or shut.
    public let traits = MeterTraits(source: "kernel", blocksInPlace: true)
    /// What people should know of the rules, as they were read last; empty: nothing.
    public var notes: [String] { survey?.notes ?? [] }

    /// The namespace of this boot: what a handle is told apart from others by.
    let generation: String
    private let clock: HostClock
    private let sources: [any FilterSource]
    private let meters: PortMeters
    private var survey: RuleSurvey?

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
                clock: clock, namespace: nftables.namespaceCookie,
                sources: [nftables, LegacyRules(in: .current)])
        } catch {
            throw MeterError(error, doing: "reach this host's packet filters")
        }
    }

    /// Whether any rule counts something, or did so before; also where that cannot be read.
    public func isInUse() -> Bool {
        if survey?.isEmpty ?? true, (try? counters()) == nil { return true }
        return survey?.isEmpty == false
    }

    /// Reads every rule, and takes for each key one counter a direction and family. A rule may have
    /// been put back with old counts: its first value is a baseline.
    public func read() throws(MeterError) -> MeterReading {
        let counters = try counters()
        var counts: [PortCount] = []
        if let survey {
            counts.reserveCapacity(survey.parts.count)
            for (index, key, part) in survey.parts {
                let counter = counters[index]
                counts.append(
                    PortCount(key: key, part: part, packets: counter.packets, bytes: counter.bytes))
            }
        }
        return MeterReading(counts, of: meters, startsFromZero: false, at: clock.now())
    }

    /// The counters that make up each of `keys`, as far as the rules count it.
    func counters(of keys: Set<PortKey>) throws(MeterError) -> [(PortKey, FilterCounter)] {
        let counters = try counters()
        guard let survey else { return [] }
        return keys.flatMap { key in
            survey.selection.parts(of: key).indices.map { (key, counters[$0]) }
        }
    }

    /// Reads every source; surveys them anew where a rule is another than before.
    private func counters() throws(MeterError) -> [FilterCounter] {
        var all: [FilterCounter] = []
        var shapes: [UInt64] = []
        for source in sources {
            let (counters, shape) = try source.read()
            all += counters
            shapes.append(shape)
        }
        if survey?.shapes != shapes { survey = RuleSurvey(all, shapes: shapes, meters) }
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

/// What stands in the rules, whatever it has counted.
private struct RuleSurvey {
    let shapes: [UInt64]
    let selection: FilterSelection
    /// The counters that are believed: where each stands, and what it is to the meter.
    var parts: [(index: Int, key: Key, part: PortPart)] = []
    let isEmpty: Bool
    let notes: [String]

    init(_ counters: [FilterCounter], shapes: [UInt64], _ meters: PortMeters) {
        self.shapes = shapes
        isEmpty = counters.isEmpty
        selection = FilterSelection(counters)
        for index in selection.believed {
            guard let key = counters[index].key.key else { continue }
            parts.append((index, key, PortPart(counters[index], of: meters)))
        }
        // Every packet of a port passes both filters: two are enough to tell.
        notes = selection.doubled.prefix(2).map { doubled in
            "\(doubled.key) is counted in \(doubled.believed) and in \(doubled.other), by nftables "
                + "and by iptables-legacy; the first is shown, since each packet passes both"
        }
    }
}

extension PortPart {
    convenience init(_ counter: FilterCounter, of meters: PortMeters) {
        self.init(
            counter.direction, counter.families, identity: " \(counter.identity)", of: meters)
    }
}
