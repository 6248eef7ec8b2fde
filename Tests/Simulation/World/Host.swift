import Accounting
import Meters

/// A reading of one counter.
struct RecordedValue: Hashable {
    var incarnation: Incarnation
    var id: CounterID
    var value: Traffic
}

/// One VPN host: its boot, its clocks, its network namespaces and what counts in them.
///
/// Unchecked: the simulation does one thing at a time, on one task and on the keepers' thread, and
/// each waits for the other.
final class TrueHost: @unchecked Sendable {
    /// A network namespace. The kernel never gives a cookie twice within a boot; indices of
    /// interfaces begin anew in each.
    struct Namespace {
        var place: String?
        var cookie: UInt64
        var nextIndex: UInt32 = 2
    }

    let name: String
    var boot: BootID
    /// True time of the boot, nanoseconds since 1970.
    var bootedAt: Int64
    /// How far the host's wall clock is ahead of the truth, nanoseconds.
    var wallOffset: Int64 = 0
    var namespaces: [Namespace] = []
    var devices: [TrueDevice] = []
    /// Every counter that was ever there and may still matter.
    var history: [TrueCounter] = []
    /// What settled counters were charged, by key.
    var settled: [Key: Traffic] = [:]
    /// What settled counters had counted before, by key.
    var settledBaselines: [Key: Traffic] = [:]
    /// What clients may be charged beyond that where nobody could tell.
    var slack: [Key: Traffic] = [:]
    /// What clients may be charged beyond that, by key: one of these, or nothing where none is here.
    var doubts: [Key: Set<Traffic>] = [:]
    /// Every value that is known to have been durable in the present ledger.
    var everRecorded: Set<RecordedValue> = []
    /// How often counters were begun anew by others than the agent, by meter.
    var restarts: [MeterName: Int] = [:]
    /// The looks at the present ledger that found counters fallen: when they were read, at the
    /// earliest and the latest, by meter.
    var falls: [MeterName: [ClosedRange<Int64>]] = [:]
    /// The meters that the newest look found fallen.
    var justFallen: Set<MeterName> = []
    /// What the last join lost, by key: read by the ledger before and not booked.
    var lost: [Key: Traffic] = [:]
    /// What clients may be charged less, where a restart left no proof.
    var unproven: [Key: Traffic] = [:]
    /// How much of that is less than what passes while a meter is read, and so told nowhere.
    var unseen: [Key: Traffic] = [:]
    /// Told what was learned of readings, when a seed is replayed.
    var tell: (@autoclosure () -> String) -> Void = { _ in }
    /// What the controller had when the present ledger began.
    var adoption = Adoption()
    /// Whether the wall clock was ever set wrong.
    var hasWrongClock = false
    /// What links of devices that are gone had carried, by the name of the meter that observes them.
    private var carriedBefore: [String: Traffic] = [:]
    private var nextCookie: UInt64 = 1
    private var nextPID: Int32 = 1_000

    init(name: String, boot: BootID, bootedAt: Int64) {
        self.name = name
        self.boot = boot
        self.bootedAt = bootedAt
    }

    func instant(at now: Int64) -> Instant {
        Instant(wall: now + wallOffset, boot: boot, boottime: UInt64(max(now - bootedAt, 0)))
    }

    /// Makes a namespace, or makes it anew: another cookie, and indices from the start.
    func makeNamespace(_ place: String?) {
        nextCookie += 1
        let fresh = Namespace(place: place, cookie: nextCookie)
        namespaces.removeAll { $0.place == place }
        namespaces.append(fresh)
    }

    /// Makes a device; its incarnation is made of the facts that the kernel gives.
    func makeDevice(_ name: MeterName, kind: TrueDevice.Kind, now: Int64) -> TrueDevice {
        let incarnation: Incarnation
        switch kind {
        case .kernel, .table:
            let index = namespaces.firstIndex { $0.place == name.place } ?? 0
            incarnation = .kernelDevice(
                boot: boot, namespaceCookie: namespaces[index].cookie,
                index: namespaces[index].nextIndex)
            namespaces[index].nextIndex += 1
        case .userspace:
            nextPID += 1
            incarnation = .process(
                boot: boot, pid: nextPID, startTicks: UInt64(max(now - bootedAt, 0) / 10_000_000),
                device: name.device)
        }
        let device = TrueDevice(name: name, kind: kind, incarnation: incarnation)
        devices.append(device)
        return device
    }

    /// Removes a device with all its counters.
    func remove(_ device: TrueDevice) {
        for counter in device.counters { counter.isAlive = false }
        let before = carriedBefore["\(device.name.ofDevice)", default: .zero]
        carriedBefore["\(device.name.ofDevice)"] = before.adding(device.link)
        devices.removeAll { $0 === device }
    }

    /// What the links of all devices of a name have carried, by the name of the meter that observes
    /// them.
    func carried(at meter: String) -> Traffic {
        devices.filter { "\($0.name.ofDevice)" == meter }
            .reduce(carriedBefore[meter, default: .zero]) { $0.adding($1.link) ?? $0 }
    }

    /// Sets a device's peers up as its configuration has them.
    func configure(_ device: TrueDevice, _ settings: [PeerSettings]) {
        for one in settings {
            device.configuration[one.key] = one
            put(one, on: device)
        }
    }

    func put(_ settings: PeerSettings, on device: TrueDevice, byAgent: Bool = false) {
        for counter in device.put(settings) { follow(counter, on: device, byAgent: byAgent) }
    }

    /// Sets a counter back to zero; returns it as it is from now on.
    func reset(_ counter: TrueCounter, on device: TrueDevice) -> TrueCounter? {
        let fresh = device.reset(counter)
        if let fresh { follow(fresh, on: device) }
        return fresh
    }

    private func follow(
        _ counter: TrueCounter, on device: TrueDevice, byAgent: Bool = false
    ) {
        counter.meter = device.name
        counter.predecessor = history.last {
            $0.id == counter.id && $0.incarnation == counter.incarnation
        }
        if counter.predecessor != nil, !byAgent { restarts[device.name, default: 0] += 1 }
        history.append(counter)
    }

    /// The keys that are configured and do not get through.
    var closedKeys: Set<Key> {
        var keys: Set<Key> = []
        for device in devices {
            for key in device.configuration.keys
            where device.counter(key)?.settings.addresses.isEmpty != false { keys.insert(key) }
        }
        return keys
    }

    /// What this host's clients are to be charged in the end, by key, as far as it was recorded.
    var charges: [Key: Traffic] {
        var charges = settled
        for counter in history {
            let sum = charges[counter.key, default: .zero].adding(counter.charge)
            charges[counter.key] = sum
        }
        return charges
    }
}
