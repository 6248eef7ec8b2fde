import Accounting
package import AgentProtocol

/// What an inventory led to.
package struct InventoryReceipt: Sendable {
    /// For each key of the request, in its order; credential 0: this key is none, nothing counts.
    package var assignments: [WireAssignment]
    /// The server's newest revision, where the call raised it; nil where it did not.
    package var revision: Int64?
}

extension Store {
    /// Most keys in one call.
    package static let largestInventory = 2000

    /// Takes what an agent found, and gives each key its credential.
    ///
    /// A new key becomes an open client of its own; a WireGuard public key that is known already,
    /// on any server, belongs to that client and takes its shut state at once.
    package func take(
        _ inventory: WireInventory, from call: AgentCall, now: Int64
    ) async throws -> InventoryReceipt {
        guard inventory.keys.count <= Self.largestInventory else {
            throw StoreError(
                .invalid, "keys: at most \(Self.largestInventory) keys fit in one inventory")
        }
        return try await database.write { session in
            _ = try Self.openLedger(of: call, session)
            try session.execute(
                "UPDATE servers SET last_contact = $1 WHERE id = $2",
                [.integer(now), .integer(call.server)])
            if inventory.hasHost { try Self.describe(inventory.host, server: call.server, session) }
            let meters = MeterWrites(server: call.server, session: session)
            try meters.write(inventory.meters)
            let ids = try meters.ids(with: inventory.keys.map(\.meter))
            let keys = KeyWrites(server: call.server, now: now, session: session)
            var receipt = try keys.write(
                inventory.keys, meters: ids, newest: inventory.newestCredential)
            let server = try Self.server(call.server, session)
            let ports = PortWrites(server: server, now: now, session: session)
            if try ports.observeMetered() {
                receipt.revision = try Self.head(of: call.server, session).revision
            }
            return receipt
        }
    }
}

/// Writes a server's meters down.
struct MeterWrites {
    let server: Int64
    let session: any Session

    /// Keeps these meters as the present ones.
    func write(_ meters: [WireMeter]) throws {
        try session.execute(
            "UPDATE meters SET present = 0 WHERE server = $1 AND present = 1", [.integer(server)])
        let named = meters.filter { MeterName($0.name) != nil }
        let rows = named.flatMap { meter -> [SQLValue] in
            [
                .integer(server), .text(meter.name), .text(String(meter.source.prefix(63))),
                .integer(Int64(min(meter.listenPort, 65535))), .integer(Int64(meter.keys)),
                .text(String(meter.fault.prefix(1000))),
                .text(String(meter.contested.prefix(1000))),
            ]
        }
        try session.execute(
            """
            INSERT INTO meters \
            (server, name, source, listen_port, keys, fault, contested, present) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, 1) ON CONFLICT (server, name) DO UPDATE SET \
            source = excluded.source, listen_port = excluded.listen_port, \
            keys = excluded.keys, fault = excluded.fault, contested = excluded.contested, \
            present = 1
            """, width: 7, rows: rows)
    }

    /// Every meter's id by its name; those of `names` are added.
    func ids(with names: [String]) throws -> [String: Int64] {
        try remember(Set(names))
        let found = try session.query(
            "SELECT name, id FROM meters WHERE server = $1", [.integer(server)])
        return Dictionary(
            found.map { ($0.text(0), $0.integer(1)) }, uniquingKeysWith: { first, _ in first })
    }

    /// Adds meters that keys are told of but that are no more: what was counted there is still to
    /// be booked.
    private func remember(_ names: Set<String>) throws {
        let rows = names.filter { MeterName($0) != nil }.sorted().flatMap { name -> [SQLValue] in
            [.integer(server), .text(name)]
        }
        try session.execute(
            """
            INSERT INTO meters (server, name, source, listen_port, fault, present) \
            VALUES ($1, $2, '', 0, '', 0) ON CONFLICT (server, name) DO NOTHING
            """, width: 2, rows: rows)
    }
}
