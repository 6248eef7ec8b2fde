import Accounting
import Meters

/// One counter of a kernel or of a daemon, from its birth to its end, and what is true of it.
final class TrueCounter {
    let key: Key
    let part: String
    let incarnation: Incarnation
    /// What the kernel shows.
    var value = Traffic.zero
    /// When the kernel says that the last handshake was, nanoseconds since 1970 by the host's wall
    /// clock; 0 for never.
    var handshake: Int64 = 0
    /// The same in seconds, as meters tell it: 0 means never even in the first second of 1970.
    var handshakeSeconds: Int64 {
        handshake == 0 ? 0 : max(handshake / World.second, 1)
    }
    var settings: PeerSettings
    /// Whether the kernel still has it.
    var isAlive = true
    /// The device that it stands on.
    var meter: MeterName?

    /// The counter of the same name before this one.
    var predecessor: TrueCounter?
    /// What its predecessor was read with last, as far as that is known: while this one has not
    /// been read, a value from here on cannot be told from the predecessor's own by itself.
    var overtakes: Traffic? { predecessor.flatMap { $0.recorded ?? $0.overtakes } }
    /// The most that its predecessor may have been read with: a reading may be durable before
    /// anybody learns of it.
    var overtakesAtMost: Traffic? {
        predecessor.flatMap { $0.delivered.last ?? $0.recorded ?? $0.overtakesAtMost }
    }

    /// What a first reading found and nobody is charged for.
    var base = Traffic.zero
    /// Whether the controller had booked `base` before the present ledger began: then nothing of it
    /// is reported apart.
    var isBaseBooked = false
    /// The newest value that a durable reading has; nil before the first.
    var recorded: Traffic?
    /// Values that were read since it was last known what is durable.
    var delivered: [Traffic] = []
    /// The value that a removal read last.
    var final: Traffic?
    /// Whether it stands in the place of one that was set back to zero, so that no reading found
    /// neither of them.
    var isReset = false
    /// Whether nothing of it can be recorded any more.
    var isSettled = false

    init(settings: PeerSettings, part: String = "", incarnation: Incarnation) {
        key = settings.key
        self.part = part
        self.incarnation = incarnation
        self.settings = settings
    }

    var id: CounterID { CounterID(key: key, part: part) }

    /// What clients are to be charged for it, as far as it was recorded.
    var charge: Traffic {
        guard let recorded else { return .zero }
        return Traffic(
            uplink: recorded.uplink - base.uplink, downlink: recorded.downlink - base.downlink)
    }

    func add(_ more: Traffic) {
        value = Traffic(
            uplink: value.uplink + more.uplink, downlink: value.downlink + more.downlink)
    }
}

/// One source of counters as the host has it: written from what was measured of the kernel and of
/// wireguard-go (protocols.md), not from the program's idea of them.
final class TrueDevice {
    enum Kind {
        /// wireguard.ko: dumps peers in the order in which they were added; counts what passes
        /// the allowed IPs; its link counts every peer that it ever had.
        case kernel
        /// wireguard-go: dumps in no order; counts before it looks at allowed IPs.
        case userspace
        /// A table of counting rules: several counters for a key, each of its own and reset by
        /// itself, in no order, without handshakes, and no link that counts the same bytes.
        case table
    }

    /// The names of the counters that a key has here.
    var parts: [String] { kind == .table ? ["ipv4", "ipv6", "relay"] : [""] }

    var name: MeterName
    let kind: Kind
    let incarnation: Incarnation
    /// In the order of their birth.
    var counters: [TrueCounter] = []
    var link = Traffic.zero
    /// What the host's own configuration has; `wg syncconf` brings it back.
    var configuration: [Key: PeerSettings] = [:]
    /// When it was read since it was last known what is durable, by the true time.
    var readAt: [Int64] = []
    /// Whether reading it fails now.
    var isBroken = false

    init(name: MeterName, kind: Kind, incarnation: Incarnation) {
        self.name = name
        self.kind = kind
        self.incarnation = incarnation
    }

    func counter(_ key: Key) -> TrueCounter? {
        counters.first { $0.key == key }
    }

    /// Data through the tunnel, with the handshake that it takes. Counts nothing for a key that
    /// is not there, nor in the kernel for one without allowed IPs, but for its handshakes.
    func carry(_ amount: Traffic, of counter: TrueCounter, handshakeAt time: Int64) {
        guard kind != .table else {
            if !counter.settings.addresses.isEmpty { counter.add(amount) }
            return
        }
        let handshake = Traffic(uplink: 148, downlink: 92)
        counter.handshake = time
        count(handshake, of: counter)
        let isBlocked = counter.settings.addresses.isEmpty
        if !isBlocked {
            count(amount, of: counter)
        } else if kind == .userspace {
            count(Traffic(uplink: amount.uplink, downlink: 0), of: counter)
        }
    }

    private func count(_ amount: Traffic, of counter: TrueCounter) {
        counter.add(amount)
        link = Traffic(
            uplink: link.uplink + amount.uplink, downlink: link.downlink + amount.downlink)
    }

    /// Removes a peer: its counter is destroyed.
    func remove(_ key: Key) {
        for counter in counters where counter.key == key { counter.isAlive = false }
        counters.removeAll { $0.key == key }
    }

    /// Adds a peer, at the end, with counters at zero; one that is there keeps them. An allowed IP
    /// that another peer has moves to this one without a word.
    @discardableResult
    func put(_ settings: PeerSettings) -> [TrueCounter] {
        for other in counters where other.key != settings.key {
            other.settings.addresses.removeAll { settings.addresses.contains($0) }
        }
        guard counter(settings.key) == nil else {
            for counter in counters where counter.key == settings.key {
                counter.settings = settings
            }
            return []
        }
        let fresh = parts.map {
            TrueCounter(settings: settings, part: $0, incarnation: incarnation)
        }
        counters += fresh
        return fresh
    }

    /// Sets one counter back to zero where it stands, as `iptables -Z` does to a rule: to whoever
    /// reads it, it has started again.
    func reset(_ counter: TrueCounter) -> TrueCounter? {
        guard let index = counters.firstIndex(where: { $0 === counter }) else { return nil }
        let fresh = TrueCounter(
            settings: counter.settings, part: counter.part, incarnation: incarnation)
        fresh.handshake = counter.handshake
        fresh.isReset = true
        counter.isAlive = false
        counters[index] = fresh
        return fresh
    }
}
