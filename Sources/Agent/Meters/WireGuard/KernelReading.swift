internal import Accounting
internal import Netlink

extension KernelDump {
    /// The counters in the order of the dump.
    func counters(_ incarnation: Incarnation) -> [Counter] {
        var counters: [Counter] = []
        counters.reserveCapacity(peers.count)
        for (place, peer) in peers.enumerated() {
            counters.append(
                Counter(
                    key: .publicKey(peer.key), incarnation: incarnation, value: peer.traffic,
                    lastHandshake: peer.lastHandshake, place: place))
        }
        return counters
    }

    /// The peers of `wanted` with everything that is needed to put them back, in the order of the
    /// dump; nil: all of them.
    func settings(of wanted: Set<Key>? = nil) -> [PeerSettings] {
        var settings: [PeerSettings] = []
        var places = [Int?](repeating: nil, count: peers.count)
        for (place, peer) in peers.enumerated()
        where wanted?.contains(.publicKey(peer.key)) ?? true {
            places[place] = settings.count
            settings.append(peer.settings)
        }
        for address in addresses {
            if let place = places[address.owner] { settings[place].addresses.append(address.range) }
        }
        return settings
    }

    /// See `MeterReading.fingerprint`.
    var fingerprint: UInt64 {
        var sum: UInt64 = 0
        for peer in peers { sum &+= KeyIndex.mark(of: peer.key) }
        for address in addresses {
            sum &+= KeyIndex.mark(of: address.range, of: peers[address.owner].key)
        }
        return sum
    }
}

extension KernelPeer {
    /// How it is set up, without its addresses.
    fileprivate var settings: PeerSettings {
        var settings = PeerSettings(
            key: .publicKey(key), presharedKey: presharedKey.isZero ? nil : presharedKey,
            keepalive: keepalive.shortest, endpoint: endpoint?.description)
        settings.longestKeepalive = keepalive.longest
        settings.advancedSecurity = advancedSecurity
        return settings
    }
}

extension Link {
    /// The link's counters from the clients' side; nil where the kernel left them out.
    var traffic: Traffic? {
        guard let received, let sent else { return nil }
        return Traffic(uplink: received, downlink: sent)
    }
}

extension LinkReading {
    /// A link that was read before and after its peers; nil where it could not be, either time.
    init?(from before: Traffic?, to after: Traffic?, of device: Incarnation, at instant: Instant) {
        guard let before, let after else { return nil }
        self.init(
            incarnation: device, before: before, after: after, wall: instant.wall / 1_000_000_000)
    }
}
