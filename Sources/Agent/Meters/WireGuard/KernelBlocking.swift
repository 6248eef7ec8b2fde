package import Accounting
internal import Netlink

extension KernelDevice {
    /// Takes the allowed IPs of `keys` away, so that the kernel drops what they send before it
    /// counts it, and finds nobody to send to; their counters and sessions stay.
    package func block(_ keys: [Key]) throws(MeterError) {
        guard !keys.isEmpty else { return }
        let doing = "block \(keys.count) peers of \(name)"
        let changes = keys.compactMap(\.publicKey).map {
            PeerChange(key: $0, flags: [.updateOnly, .replaceAllowedIPs])
        }
        let dump = try explain(doing) { () throws(NetlinkError) in
            try send(changes, doing: doing)
            return try self.dump()
        }
        let open = Set(
            zip(dump.counters, dump.peers).filter { $1.addressCount > 0 }.map(\.0.key))
        try verify(keys, doing, "has allowed IPs again") { !open.contains($0) }
    }

    /// Takes `keys` out of the device. The reading is the one just before; its window ends when
    /// the kernel has acknowledged the removal.
    package func remove(_ keys: [Key]) throws(MeterError) -> Removal {
        guard !keys.isEmpty else { return Removal(final: nil, window: 0) }
        let doing = "remove \(keys.count) peers from \(name)"
        let final = try read()
        let changes = keys.compactMap(\.publicKey).map {
            PeerChange(key: $0, flags: [.removeMe, .updateOnly])
        }
        try explain(doing) { () throws(NetlinkError) in try send(changes, doing: doing) }
        let window = clock.now().boottime - final.reading.instant.boottime
        var removal = Removal(final: final, window: window)
        do throws(MeterError) {
            let dump = try explain(doing, self.dump)
            let left = Set(dump.counters.map(\.key))
            try verify(keys, doing, "is there again") { !left.contains($0) }
        } catch {
            removal.fault = error
        }
        return removal
    }

    /// Throws with the first key that `holds` is not true of.
    func verify(
        _ keys: [Key], _ doing: String, _ otherwise: String, _ holds: (Key) -> Bool
    ) throws(MeterError) {
        guard let bad = keys.first(where: { !holds($0) }) else { return }
        throw MeterError(
            .unverified, doing: doing,
            reason: "\(bad) \(otherwise); another program seems to edit \(name.device)")
    }
}
