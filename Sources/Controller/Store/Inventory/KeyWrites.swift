import Accounting
import AgentProtocol

/// Gives an inventory's keys their credentials.
struct KeyWrites {
    let server: Int64
    let now: Int64
    let session: any Session

    /// Adopts new keys, keeps up what is said of known ones, and answers in the keys' order.
    func write(
        _ keys: [WireMeterKey], meters: [String: Int64]
    ) throws -> InventoryReceipt {
        let found = keys.compactMap { FoundKey($0, meters: meters) }
        let held = try KnownKeys(session: session).held(found)
        var credentials = held.mapValues(\.credential)
        try update(found, held)
        let changes = try adopt(found.filter { held[$0.place] == nil }, &credentials)
        let revision =
            changes.isEmpty
            ? nil : try Store.desire(changes, server: server, now: now, session)
        let assignments = keys.map { key in
            var assignment = WireAssignment()
            assignment.meter = key.meter
            assignment.key = key.key
            let place = FoundKey(key, meters: meters)?.place
            assignment.credential = UInt64(place.flatMap { credentials[$0] } ?? 0)
            return assignment
        }
        return InventoryReceipt(assignments: assignments, revision: revision)
    }

    private func update(_ keys: [FoundKey], _ held: [KeyPlace: HeldKey]) throws {
        var rows: [SQLValue] = []
        var names: [SQLValue] = []
        for key in keys {
            guard let held = held[key.place] else { continue }
            let isSame =
                held.name == key.name && held.addresses == key.addresses
                && held.isPresent == key.wire.present
            if !isSame {
                rows += [
                    .text(key.name), .text(key.addresses), .flag(key.wire.present),
                    .integer(held.credential),
                ]
            }
            if held.name != key.name, !key.name.isEmpty, held.clientNamedBy == .key {
                names += [.text(key.clientName), .integer(held.client)]
            }
        }
        try session.execute(
            "UPDATE credentials SET name = $1, addresses = $2, present = $3 WHERE id = $4",
            width: 4, rows: rows)
        try session.execute(
            "UPDATE clients SET name = $1, named_by = 1 WHERE id = $2", width: 2, rows: names)
        try noteHandshakes(keys, held)
    }

    private func noteHandshakes(_ keys: [FoundKey], _ held: [KeyPlace: HeldKey]) throws {
        let rows = keys.flatMap { key -> [SQLValue] in
            guard let held = held[key.place] else { return [] }
            let handshake = min(key.wire.lastHandshake, now / 1_000_000_000)
            guard handshake > held.lastHandshake else { return [] }
            return [.integer(handshake), .integer(held.credential)]
        }
        try session.execute(
            "UPDATE totals SET last_handshake = $1 WHERE credential = $2", width: 2, rows: rows)
    }

    /// Makes credentials for new keys; returns those that must be shut at once.
    private func adopt(
        _ keys: [FoundKey], _ credentials: inout [KeyPlace: Int64]
    ) throws -> [AccessChange] {
        var owners = try KnownKeys(session: session).owners(of: keys)
        var changes: [AccessChange] = []
        for key in keys where credentials[key.place] == nil {
            let owner =
                try owners[key.wire.key].flatMap { key.isUniversal ? $0 : nil }
                ?? KeyOwner(client: addClient(key), access: .open)
            if key.isUniversal { owners[key.wire.key] = owner }
            let credential = try addCredential(key, client: owner.client)
            credentials[key.place] = credential
            if owner.access.isShut {
                changes.append(
                    AccessChange(
                        credential: credential, meter: key.wire.meter, key: key.wire.key,
                        access: owner.access))
            }
        }
        return changes
    }

    private func addClient(_ key: FoundKey) throws -> Int64 {
        let source: NameSource = key.name.isEmpty ? .key : .configuration
        return try session.first(
            """
            INSERT INTO clients (name, named_by, access, created_at) VALUES ($1, $2, 0, $3) \
            RETURNING id
            """, [.text(key.clientName), .integer(source.rawValue), .integer(now)])?
            .integer(0) ?? 0
    }

    private func addCredential(_ key: FoundKey, client: Int64) throws -> Int64 {
        let id =
            try session.first(
                """
                INSERT INTO credentials \
                (server, meter, key, client, name, addresses, present, created_at) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id
                """,
                [
                    .integer(server), .integer(key.meter), .text(key.wire.key),
                    .integer(client), .text(key.name), .text(key.addresses),
                    .flag(key.wire.present), .integer(now),
                ])?.integer(0) ?? 0
        let handshake = min(max(key.wire.lastHandshake, 0), now / 1_000_000_000)
        try session.execute(
            "INSERT INTO totals (credential, last_handshake) VALUES ($1, $2)",
            [.integer(id), .integer(handshake)])
        return id
    }
}
