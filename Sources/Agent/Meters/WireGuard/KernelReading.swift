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

    /// The peers with everything that is needed to put them back, in the order of the dump.
    func settings() -> [PeerSettings] {
        var settings = peers.map {
            PeerSettings(
                key: .publicKey($0.key),
                presharedKey: $0.presharedKey.isZero ? nil : $0.presharedKey,
                keepalive: $0.keepalive,
                endpoint: $0.endpoint?.description)
        }
        for address in addresses { settings[address.owner].addresses.append(address.range) }
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
