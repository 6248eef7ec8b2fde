import Accounting
import Meters

@testable import Agent

/// A device of a pretended host, as one life of the agent sees it.
final class PretendedMeter: Meter {
    let device: TrueDevice
    let host: TrueHost
    let world: World
    let life: Life
    let name: MeterName
    let traits: MeterTraits

    init(_ device: TrueDevice, on host: TrueHost, in world: World, life: Life) {
        self.device = device
        self.host = host
        self.world = world
        self.life = life
        name = device.name
        traits =
            device.kind == .userspace
            ? MeterTraits(source: "userspace", blocksInPlace: false)
            : MeterTraits(source: "kernel", blocksInPlace: true)
    }

    func read() throws(MeterError) -> MeterReading {
        try act("read")
        world.beforeReading(of: device, on: host)
        if device.isBroken {
            throw MeterError(.interrupted, doing: "read \(name)", reason: "it changed three times")
        }
        return deliver()
    }

    func block(_ keys: [Key]) throws(MeterError) {
        guard !keys.isEmpty else { return }
        try act("block \(keys.count) of")
        for counter in device.counters where keys.contains(counter.key) {
            counter.settings.addresses = []
        }
    }

    func remove(_ keys: [Key]) throws(MeterError) -> Removal {
        guard !keys.isEmpty else { return Removal(final: nil, window: 0) }
        try act("remove \(keys.count) of")
        let final = deliver()
        world.betweenReadingAndRemoval(of: keys, device, on: host)
        try act("removing \(keys.count) of")
        for key in keys {
            for counter in device.counters where counter.key == key {
                counter.final = counter.delivered.last
            }
            device.remove(key)
        }
        return Removal(final: final, window: 1_000_000)
    }

    func restore(_ settings: [PeerSettings]) throws(MeterError) {
        guard !settings.isEmpty else { return }
        try act("restore \(settings.count) of")
        let doing = "restore \(settings.count) peers of \(name)"
        for wanted in settings {
            let owner = device.counters.first { other in
                other.key != wanted.key
                    && other.settings.addresses.contains { mine in
                        wanted.addresses.contains { $0.overlaps(mine) }
                    }
            }
            if let owner {
                throw MeterError(
                    .addressTaken, doing: doing, reason: "an address belongs to \(owner.key)")
            }
        }
        for wanted in settings { host.put(wanted, on: device, byAgent: true) }
    }

    /// A step of the agent's life; nothing is done by one that is dead.
    private func act(_ verb: String) throws(MeterError) {
        let isGone = !host.devices.contains { $0 === device }
        guard life.step() == .done, !isGone else {
            throw MeterError(
                isGone ? .absent : .failed, doing: "\(verb) \(name)", reason: "it is not there")
        }
    }

    private func deliver() -> MeterReading {
        let isKernel = device.kind == .kernel
        let instant = host.instant(at: world.now)
        let before = device.link
        device.readAt.append(world.now)
        world.duringReading(of: device, on: host)
        // The daemon's own map has no order that means anything.
        let order = isKernel ? device.counters : device.counters.reversed()
        let counters = order.enumerated().map { place, counter in
            counter.delivered.append(counter.value)
            return Counter(
                key: counter.key, part: counter.part, incarnation: counter.incarnation,
                value: counter.value,
                lastHandshake: device.kind == .table ? nil : counter.handshakeSeconds,
                place: isKernel ? place : nil)
        }
        var told: Set<Key> = []
        let settings = order.map(\.settings).filter { told.insert($0.key).inserted }
        world.duringReading(of: device, on: host)
        let link = LinkReading(
            incarnation: device.incarnation, before: before, after: device.link,
            wall: instant.wall / World.second)
        return MeterReading(
            reading: Reading(
                meter: name, instant: instant, counters: counters, startsFromZero: true,
                link: isKernel ? link : nil),
            listenPort: 51_820,
            fingerprint: counters.count == settings.count ? Self.fingerprint(of: settings) : nil
        ) { wanted in
            settings.filter { wanted?.contains($0.key) ?? true }
        }
    }

    private static func fingerprint(of settings: [PeerSettings]) -> UInt64 {
        settings.reduce(0) { sum, peer in
            var hasher = Hasher()
            hasher.combine(peer.key)
            hasher.combine(peer.addresses)
            return sum &+ UInt64(truncatingIfNeeded: hasher.finalize())
        }
    }
}

/// Finds the devices of a pretended host.
struct PretendedFinder: MeterFinder {
    let host: TrueHost
    let world: World
    let life: Life
    private var known: [PretendedMeter] = []

    init(host: TrueHost, world: World, life: Life) {
        self.host = host
        self.world = world
        self.life = life
    }

    mutating func look() -> MeterDiscovery.Found {
        var found = MeterDiscovery.Found()
        let meters = host.devices.map { device in
            known.first { $0.device === device && $0.name == device.name }
                ?? PretendedMeter(device, on: host, in: world, life: life)
        }
        for meter in meters { found.meters[meter.name] = meter }
        known = meters
        return found
    }
}
