import Accounting

/// How the kernel's WireGuard counts, written from what was measured of it: a peer that is added
/// stands last and starts from zero; each byte that a peer counts its link counts, too, just
/// before; what the link has counted stays when the peer goes.
struct KernelModel {
    struct Peer {
        var name: String
        var value = Traffic.zero
        /// Seconds since 1970; 0: none yet.
        var handshake: Int64 = 0
        /// What readings have shown of it.
        var seen = Traffic.zero
    }

    static let device = Incarnation(token: "one")

    private(set) var peers: [Peer] = []
    private(set) var link = Traffic.zero
    var now: Int64 = 1_700_000_000
    /// What each key's counters have shown, whatever became of them.
    private(set) var shown: [String: Traffic] = [:]

    func has(_ name: String) -> Bool { peers.contains { $0.name == name } }

    mutating func add(_ name: String) {
        guard !has(name) else { return }
        peers.append(Peer(name: name))
    }

    mutating func remove(_ name: String) {
        peers.removeAll { $0.name == name }
    }

    /// What `wg setconf` does.
    mutating func replaceAll(with names: [String]) {
        peers = []
        for name in names { add(name) }
    }

    /// Packets of a peer, after the handshake that the first of them needs; a new handshake where
    /// `rekeys`. Nothing where there is no such peer.
    mutating func pass(_ name: String, up: UInt64, down: UInt64, rekeys: Bool = false) {
        guard let index = peers.firstIndex(where: { $0.name == name }) else { return }
        if peers[index].handshake == 0 || rekeys {
            peers[index].handshake = now
            count(index, Traffic(uplink: 148, downlink: 92))
        }
        count(index, Traffic(uplink: up, downlink: down))
    }

    private mutating func count(_ index: Int, _ amount: Traffic) {
        link = KernelModel.sum(link, amount)
        peers[index].value = KernelModel.sum(peers[index].value, amount)
    }

    /// A reading; `meanwhile` happens once before and once after the peers are read.
    mutating func read(meanwhile: (inout KernelModel) -> Void = { _ in }) -> Reading {
        let before = link
        meanwhile(&self)
        let counters = peers.enumerated().map { place, peer in
            Counter(
                key: .text(peer.name), incarnation: Self.device, value: peer.value,
                lastHandshake: peer.handshake, place: place)
        }
        for index in peers.indices { show(index) }
        meanwhile(&self)
        return Reading(
            meter: MeterName(kind: .wireguard, device: "wg0"), instant: Fixture.instant,
            counters: counters, startsFromZero: true,
            link: LinkReading(
                incarnation: Self.device, before: before, after: link, wall: now))
    }

    private mutating func show(_ index: Int) {
        let peer = peers[index]
        let gained = Traffic(
            uplink: peer.value.uplink - peer.seen.uplink,
            downlink: peer.value.downlink - peer.seen.downlink)
        shown[peer.name] = Self.sum(shown[peer.name] ?? .zero, gained)
        peers[index].seen = peer.value
    }

    static func sum(_ one: Traffic, _ other: Traffic) -> Traffic {
        Traffic(uplink: one.uplink + other.uplink, downlink: one.downlink + other.downlink)
    }
}

/// What an agent has charged and held after some readings.
struct Books {
    var baselines = MeterBaselines(isKnown: true)
    var charged: [String: Traffic] = [:]
    var held: [String: Traffic] = [:]
    /// By how much the readings of the link left open what it carried.
    var blur: UInt64 = 0

    /// Reads as an agent does: again at once where the first reading is in doubt.
    mutating func read(
        _ kernel: inout KernelModel, meanwhile: (inout KernelModel) -> Void = { _ in }
    ) {
        var reading = kernel.read(meanwhile: meanwhile)
        var difference = Differ.difference(from: baselines, to: reading)
        if difference.isDoubtful {
            let first = reading
            reading = kernel.read(meanwhile: meanwhile)
            difference = Differ.difference(from: baselines, to: reading, confirming: first)
        }
        baselines.apply(difference)
        if let link = reading.link {
            blur += link.after.uplink - link.before.uplink
            blur += link.after.downlink - link.before.downlink
        }
        for delta in difference.deltas {
            let name = delta.key.description
            if delta.kind == .gained {
                charged[name] = KernelModel.sum(charged[name] ?? .zero, delta.amount)
            } else if delta.kind == .held {
                held[name] = KernelModel.sum(held[name] ?? .zero, delta.amount)
            }
        }
    }
}
