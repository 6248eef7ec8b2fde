import Accounting
import Ledger
import Meters

/// What the inventory was brought up to: while a meter's readings are the same in this, nothing that
/// the controller is told of its keys can have changed.
struct NotedReading: Equatable {
    var fingerprint: UInt64
    var names: NamesVersion
    /// Keys that are kept out have the addresses that were saved.
    var kept: [Key: KeptOut]
}

extension Keeper {
    /// Brings the inventory up to what a reading shows.
    func note(_ reading: MeterReading, of meter: any Meter) {
        let name = meter.name
        let now = reading.fingerprint.map {
            NotedReading(
                fingerprint: $0, names: configurations.version(of: name, options),
                kept: kept[name] ?? [:])
        }
        // Where readings have a fingerprint, a key has one counter.
        inventory.note(
            name, source: meter.traits.source, listenPort: reading.listenPort,
            keys: now == nil ? reading.peers.count : reading.reading.counters.count,
            fault: "", contested: contested[name] ?? "")
        guard now == nil || noted[name] != now else { return }
        noteKeys(reading, of: name)
        noted[name] = now
        noteWork(on: reading.reading.counters.count)
    }

    private func noteKeys(_ reading: MeterReading, of meter: MeterName) {
        guard !meter.isObserved else {
            for peer in reading.peers { inventory.note(observed: peer.key, at: meter) }
            return
        }
        guard meter.kind != .ports else { return notePorts(reading, of: meter) }
        // A key may have several counters. Most readings bring no key that is news, and ask for none.
        lazy var handshakes = Dictionary(
            reading.reading.counters.map { ($0.key, $0.lastHandshake) },
            uniquingKeysWith: { first, second in [first, second].compactMap { $0 }.max() })
        let names = configurations.names(of: meter, options)
        for found in reading.peers {
            var peer = found
            // A key that is blocked keeps the addresses that it had.
            if peer.addresses.isEmpty, let settings = kept[meter]?[peer.key]?.settings {
                peer.addresses = settings.addresses
            }
            inventory.note(
                peer, at: meter, name: names[peer.key] ?? "",
                handshake: handshakes[peer.key] ?? nil)
        }
    }

    /// Notes that so many keys were handled at once, each with memory of its own.
    func noteWork(on keys: Int) {
        if keys >= 500 { hasDoneMuch = true }
    }

    /// Notes that the controller has lost things: every key is told again.
    func forgetInventory() {
        inventory.retell()
        noted = [:]
    }
}
