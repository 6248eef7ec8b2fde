internal import Accounting
internal import Netlink

extension KernelDevice {
    /// Puts peers back. One that is there and blocked gets its allowed IPs again and keeps the
    /// rest; one that is gone is made anew from `settings`. One that has allowed IPs beside
    /// those of `settings` was changed by somebody since, and is left as it is.
    ///
    /// Throws `addressTaken`, naming the owner, and writes nothing where an address belongs to
    /// another peer by now: the kernel would take it away from that peer without a word.
    package func restore(_ settings: [PeerSettings]) throws(MeterError) {
        guard !settings.isEmpty else { return }
        let doing = "restore \(settings.count) peers of \(name)"
        let before = try explain(doing, self.dump).settings()
        if let conflict = AddressConflict.first(restoring: settings, among: before) {
            throw conflict.error(doing: doing)
        }
        let there = Dictionary(before.map { ($0.key, $0.allowed) }) { first, _ in first }
        let dialect = try explain(doing, self.dialect)
        let open = settings.filter { (there[$0.key] ?? []).isSubset(of: $0.allowed) }
        let changes = open.compactMap { change($0, isThere: there[$0.key] != nil, dialect) }
        try explain(doing) { () throws(NetlinkError) in try send(changes, doing: doing) }
        try verify(open, doing)
    }

    private func change(
        _ settings: PeerSettings, isThere: Bool, _ dialect: KernelDialect
    ) -> PeerChange? {
        guard let key = settings.key.publicKey else { return nil }
        var change = PeerChange(
            key: key, flags: [.replaceAllowedIPs], addresses: settings.addresses.map(\.masked))
        guard !isThere else {
            change.flags.insert(.updateOnly)
            return change
        }
        change.presharedKey = settings.presharedKey
        change.endpoint = settings.endpoint.flatMap { Endpoint($0) }
        change.keepalive = dialect.keepalive(settings)
        if settings.advancedSecurity, dialect.setsAdvancedSecurity {
            change.flags.insert(.hasAdvancedSecurity)
            change.advancedSecurity = true
        }
        return change
    }

    private func verify(_ restored: [PeerSettings], _ doing: String) throws(MeterError) {
        let after = try explain(doing, self.dump).settings()
        let there = Dictionary(after.map { ($0.key, $0.allowed) }) { first, _ in first }
        let matching = Set(restored.filter { there[$0.key] == $0.allowed }.map(\.key))
        try verify(restored.map(\.key), doing, "does not have what was restored") {
            matching.contains($0)
        }
    }
}

extension PeerSettings {
    /// The allowed IPs as the kernel keeps them.
    fileprivate var allowed: Set<AddressRange> { Set(addresses.map(\.masked)) }
}
