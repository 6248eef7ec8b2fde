import Accounting
import AgentProtocol
import Meters

/// What the controller has been told of this host's keys, and what it has yet to be told.
struct InventoryState: Sendable {
    /// How many keys go into one call.
    static let mostKeys = 2_000
    /// How many addresses of a key are told.
    static let mostAddresses = 1_024
    /// About how many bytes of keys go into one call, however many addresses they have.
    static let mostBytes = 512 * 1_024

    private struct Name: Hashable {
        var meter: MeterName
        var key: Key
    }

    /// A digest of what was told of each key.
    private var told: [MeterName: CompactTable<Key, Int>] = [:]
    private var untold: [Name: WireMeterKey] = [:]
    private var metersTold: [WireMeter] = []
    private var metersNow: [MeterName: WireMeter] = [:]

    /// Ports that were told again, and for which credential.
    private var moved: [Name: UInt64] = [:]

    /// Whether a controller that has lost things has yet to be told of every key.
    private(set) var isRetelling = false

    /// Whether there is something to tell.
    var hasNews: Bool { !untold.isEmpty || meters != metersTold }

    private var meters: [WireMeter] { metersNow.values.sorted { $0.name < $1.name } }

    /// Notes how a meter is; `fault` says why it cannot be read, `contested` who resets it.
    mutating func note(
        _ meter: MeterName, source: String, listenPort: UInt16?, keys: Int, fault: String,
        contested: String = ""
    ) {
        var state = metersNow[meter] ?? WireMeter()
        state.name = meter.description
        state.source = source
        state.fault = fault
        if fault.isEmpty {
            state.listenPort = UInt32(listenPort ?? 0)
            state.keys = UInt32(clamping: keys)
            state.contested = contested
        }
        metersNow[meter] = state
    }

    /// Notes that a meter is no longer on this host.
    mutating func forget(_ meter: MeterName) {
        metersNow[meter] = nil
    }

    /// Notes a key that the source has. One that is kept out keeps the addresses told before.
    mutating func note(
        _ peer: PeerSettings, at meter: MeterName, name: String,
        handshake: @autoclosure () -> Int64?
    ) {
        let id = Name(meter: meter, key: peer.key)
        var hasher = Hasher()
        hasher.combine(name)
        hasher.combine(peer.addresses)
        let digest = hasher.finalize()
        let before = told[meter]?[peer.key]
        guard before != digest, before == nil || !peer.addresses.isEmpty else { return }
        var key = WireMeterKey()
        key.meter = meter.description
        key.key = peer.key.description
        key.name = name
        key.addresses = peer.addresses.prefix(Self.mostAddresses).map(\.description)
        key.present = true
        key.lastHandshake = handshake() ?? 0
        untold[id] = key
        told[meter, default: [:]][peer.key] = digest
    }

    /// Notes a port or address that is counted; `client` is whose the host's own settings say it is,
    /// and `isConfigured` whether they name it.
    mutating func note(
        port: Key, at meter: MeterName, client: String, isConfigured: Bool
    ) {
        var hasher = Hasher()
        hasher.combine(client)
        hasher.combine(isConfigured)
        let digest = hasher.finalize()
        guard told[meter]?[port] != digest else { return }
        var key = WireMeterKey()
        key.meter = meter.description
        key.key = port.description
        key.clientName = client
        key.configured = isConfigured
        key.present = true
        untold[Name(meter: meter, key: port)] = key
        told[meter, default: [:]][port] = digest
    }

    /// Lets a port be told again, and what is only read beside it, as they are noted anew: the
    /// controller wants it counted for that credential, and names it in its answer. Once for each.
    mutating func retell(_ port: Key, at meter: MeterName, for credential: UInt64) {
        let id = Name(meter: meter, key: port)
        guard moved.updateValue(credential, forKey: id) != credential else { return }
        for place in [meter, meter.packets, meter.overIPv6, meter.packets.overIPv6] {
            told[place]?[port] = nil
        }
    }

    /// Notes a key that is read to compare with, and charged to nobody.
    mutating func note(observed key: Key, at meter: MeterName) {
        let id = Name(meter: meter, key: key)
        guard told[meter]?[key] == nil else { return }
        var observed = WireMeterKey()
        observed.meter = meter.description
        observed.key = key.description
        observed.present = true
        observed.observed = true
        untold[id] = observed
        told[meter, default: [:]][key] = 0
    }

    /// Notes keys that the source no longer has.
    mutating func noteGone(_ keys: [Key], at meter: MeterName) {
        for key in keys {
            let id = Name(meter: meter, key: key)
            told[meter]?[key] = nil
            var gone = WireMeterKey()
            gone.meter = meter.description
            gone.key = key.description
            gone.present = false
            gone.observed = meter.isObserved
            untold[id] = gone
        }
    }

    /// Notes keys that are counted but that no reading has shown since they were last told: those
    /// from before this start, or from before a controller lost things.
    mutating func noteAbsent(
        _ keys: [(meter: MeterName, key: Key)],
        addresses: (MeterName, Key) -> [AddressRange] = { _, _ in [] }
    ) {
        for (meter, key) in keys where told[meter]?[key] == nil {
            var absent = WireMeterKey()
            absent.meter = meter.description
            absent.key = key.description
            absent.addresses = addresses(meter, key).prefix(Self.mostAddresses)
                .map(\.description)
            absent.present = false
            absent.observed = meter.isObserved
            untold[Name(meter: meter, key: key)] = absent
        }
    }

    /// The next call's keys; nil where there is nothing to tell.
    func message(now: WireClock, host: WireHost) -> WireInventory? {
        guard hasNews else { return nil }
        var message = WireInventory()
        message.now = now
        message.host = host
        message.meters = meters
        var size = 0
        for key in untold.values.prefix(Self.mostKeys) {
            size += 128 + key.name.utf8.count + key.addresses.reduce(0) { $0 + $1.utf8.count + 2 }
            guard message.keys.isEmpty || size <= Self.mostBytes else { break }
            message.keys.append(key)
        }
        return message
    }

    /// Notes that the controller has stored what `sent` says.
    mutating func acknowledge(_ sent: WireInventory) {
        metersTold = sent.meters
        for key in sent.keys {
            guard let meter = MeterName(key.meter), let name = Key(key.key, of: meter.kind) else {
                continue
            }
            let id = Name(meter: meter, key: name)
            var key = key
            key.credential = 0
            if untold[id] == key { untold[id] = nil }
        }
        guard untold.isEmpty else { return }
        // Gives back the room that it had for every key of this host.
        untold = [:]
        isRetelling = false
    }

    /// Tells everything again, as it is noted anew: the controller has lost things.
    mutating func retell() {
        told = [:]
        metersTold = []
        isRetelling = true
    }
}
