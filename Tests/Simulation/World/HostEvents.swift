import Accounting
import Meters

extension World {
    /// A peer that nobody has seen before.
    func newPeer() -> PeerSettings {
        let key = PublicKey(chance.bytes(32)) ?? .zero
        let address = AddressRange(
            bytes: [10] + chance.bytes(3), prefixLength: 32)
        return PeerSettings(
            key: .publicKey(key),
            presharedKey: chance.happens(500) ? PublicKey(chance.bytes(32)) : nil,
            addresses: address.map { [$0] } ?? [], keepalive: chance.happens(500) ? 25 : 0)
    }

    /// Something happens on a host, by somebody else than the agent.
    func disturb(_ host: TrueHost) {
        guard let device = chance.pick(host.devices) else { return }
        disturbPeers(of: device, on: host)
        disturbDevice(device, on: host)
        if suffers(.reboot, 15) { reboot(host) }
        if suffers(.clockJump, 60) { jump(host) }
    }

    private func disturbPeers(of device: TrueDevice, on host: TrueHost) {
        if suffers(.newPeers, 80) {
            note("\(host.name): a new peer at \(device.name)")
            let peer = newPeer()
            host.configure(device, [peer])
            if clones.contains(where: { $0.host === host }) { cloneKeys.insert("\(peer.key)") }
        }
        if suffers(.peerRestart, 100), let counter = chance.pick(device.counters) {
            restart(counter, of: device, on: host)
        }
        if suffers(.vanishing, 60), let counter = chance.pick(device.counters) {
            note("\(host.name): \(counter.key) leaves \(device.name)")
            device.remove(counter.key)
            tampered.insert(counter.key)
        }
        if suffers(.vanishing, 60) {
            let absent = device.configuration.keys.filter { device.counter($0) == nil }
            let sorted = absent.sorted { "\($0)" < "\($1)" }
            if let key = chance.pick(sorted), let settings = device.configuration[key] {
                note("\(host.name): \(key) returns to \(device.name)")
                host.put(settings, on: device)
            }
        }
        if suffers(.syncconf, 60) { syncconf(device, on: host) }
        if suffers(.reset, 30) { setconf(device, on: host) }
        if suffers(.contest, 300) { contest(device, on: host) }
    }

    private func setconf(_ device: TrueDevice, on host: TrueHost) {
        note("\(host.name): setconf at \(device.name)")
        for counter in device.counters { device.remove(counter.key) }
        syncconf(device, on: host)
    }

    /// What another program does that reads counters and sets them back: rules stay where they are,
    /// peers are set anew.
    private func contest(_ device: TrueDevice, on host: TrueHost) {
        guard device.kind == .table else { return setconf(device, on: host) }
        note("\(host.name): all of \(device.name) is set back to zero")
        for counter in device.counters { _ = host.reset(counter, on: device) }
    }

    private func restart(_ counter: TrueCounter, of device: TrueDevice, on host: TrueHost) {
        guard let fresh = begin(counter, of: device, on: host) else { return }
        let seen = counter.value
        guard suffers(.overtaking, 500) else {
            // Less than before in one direction at least, so that the value itself shows it.
            guard seen.uplink > 1_000, chance.happens(500) else { return }
            let little = Traffic(
                uplink: UInt64(chance.below(Int(seen.uplink) - 200)), downlink: 10)
            carry(little, of: fresh, on: device, of: host)
            return
        }
        let more = Traffic(
            uplink: seen.uplink + UInt64(chance.below(1_000_000)),
            downlink: seen.downlink + UInt64(chance.below(1_000_000)))
        carry(more, of: fresh, on: device, of: host)
    }

    /// Starts a counter again: a peer is removed and added, one of a key's rules is set to zero.
    private func begin(
        _ counter: TrueCounter, of device: TrueDevice, on host: TrueHost
    ) -> TrueCounter? {
        note("\(host.name): \(counter.key) \(counter.part) restarts at \(device.name)")
        if device.kind == .table, chance.happens(700) { return host.reset(counter, on: device) }
        device.remove(counter.key)
        host.put(device.configuration[counter.key] ?? counter.settings, on: device)
        return device.counters.last { $0.id == counter.id }
    }

    /// Sets peers as the configuration has them, and removes all others; counters of those that
    /// stay go on.
    private func syncconf(_ device: TrueDevice, on host: TrueHost) {
        note("\(host.name): syncconf at \(device.name)")
        for settings in device.configuration.values.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            host.put(settings, on: device)
        }
    }

    private func disturbDevice(_ device: TrueDevice, on host: TrueHost) {
        if suffers(.brokenMeter, 30) { device.isBroken.toggle() }
        if device.isBroken, chance.happens(300) { device.isBroken = false }
        if suffers(.deviceRestart, 20) {
            note("\(host.name): \(device.name) is made again")
            remake(device, on: host)
        }
        if suffers(.containerRestart, 30), let place = device.name.place {
            note("\(host.name): \(place) restarts")
            host.makeNamespace(place)
            for device in host.devices where device.name.place == place {
                remake(device, on: host)
            }
        }
    }

    private func remake(_ device: TrueDevice, on host: TrueHost) {
        host.remove(device)
        let fresh = host.makeDevice(device.name, kind: device.kind, now: now)
        host.configure(
            fresh, device.configuration.values.sorted { "\($0.key)" < "\($1.key)" })
    }

    /// The host starts again: a new boot, and every counter from zero.
    func reboot(_ host: TrueHost) {
        note("\(host.name) reboots")
        host.boot = BootID(Hexadecimal.encode(chance.bytes(16))) ?? host.boot
        host.bootedAt = now - Self.second
        let places = host.namespaces.map(\.place)
        for place in places { host.makeNamespace(place) }
        for device in host.devices { remake(device, on: host) }
        for agent in agents where agent.host === host { agent.kill() }
    }

    private func jump(_ host: TrueHost) {
        let jumps: [Int64] = [-1, 1, -60, 60, -3_600, 3_600, -86_400, 86_400, 1_700_000_000]
        guard let jump = chance.pick(jumps) else { return }
        note("\(host.name): the clock jumps by \(jump) s")
        host.hasWrongClock = true
        host.wallOffset =
            abs(host.wallOffset) > 1_000_000_000 * Self.second
            ? 0 : host.wallOffset + jump * Self.second
        // To the first second of 1970, or half a century ahead.
        if jump == 1_700_000_000 {
            host.wallOffset = chance.happens(500) ? Self.second / 2 - now : now
        }
        // Handshakes by the new clock, which may lie before those that were read.
        guard chance.happens(500) else { return }
        for device in host.devices {
            for counter in device.counters { carry(.zero, of: counter, on: device, of: host) }
        }
    }
}
