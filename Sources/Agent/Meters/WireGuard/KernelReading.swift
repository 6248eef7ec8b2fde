internal import Accounting
internal import Netlink

extension KernelDump {
    /// The peers of `wanted` with everything that is needed to put them back, in the order of the
    /// dump; nil: all of them.
    func settings(of wanted: Set<Key>? = nil) -> [PeerSettings] {
        var settings: [PeerSettings] = []
        var places = [Int?](repeating: nil, count: peers.count)
        for (place, counter) in counters.enumerated() where wanted?.contains(counter.key) ?? true {
            places[place] = settings.count
            settings.append(self.settings(of: counter.key, peers[place]))
        }
        for address in addresses {
            guard let place = places[Int(address.owner)] else { continue }
            settings[place].addresses.append(address.range)
        }
        return settings
    }

    /// How a peer is set up, without its addresses.
    private func settings(of key: Key, _ peer: KernelPeer) -> PeerSettings {
        var settings = PeerSettings(key: key, keepalive: peer.keepalive.shortest)
        if peer.presharedKey > 0 {
            settings.presharedKey = presharedKeys[Int(peer.presharedKey) - 1]
        }
        if peer.endpoint > 0 {
            settings.endpoint = endpoints[Int(peer.endpoint) - 1].description
        }
        settings.longestKeepalive = peer.keepalive.longest
        settings.advancedSecurity = peer.advancedSecurity
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
