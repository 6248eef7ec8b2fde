import Accounting

@testable import Meters

/// A reading in the words of `wg show INTERFACE dump`, one line a peer.
func wireGuardShow(_ reading: MeterReading) -> [String] {
    zip(reading.peers, reading.reading.counters).map { peer, counter in
        [
            "\(peer.key)", peer.presharedKey?.base64 ?? "(none)", peer.endpoint ?? "(none)",
            peer.addresses.isEmpty
                ? "(none)" : peer.addresses.map(\.description).joined(separator: ","),
            "\(counter.lastHandshake ?? -1)", "\(counter.value.uplink)",
            "\(counter.value.downlink)", peer.keepaliveShown,
        ].joined(separator: "\t")
    }
}

extension PeerSettings {
    fileprivate var keepaliveShown: String {
        let longest = longestKeepalive.map { "-\($0)" } ?? ""
        return keepalive == 0 && longest.isEmpty ? "off" : "\(keepalive)\(longest)"
    }
}
