import Accounting
import AgentProtocol
import SwiftProtobuf

/// Gives an inventory's keys their credentials.
struct KeyWrites {
    let server: Int64
    let now: Int64
    let session: any Session

    /// Adopts new keys, keeps up what is said of known ones, and answers in the keys' order. New
    /// credentials lie above the agent's `newest`; 0: it does not say.
    func write(
        _ keys: [WireMeterKey], meters: [String: Int64], newest: UInt64
    ) throws -> InventoryReceipt {
        let all = keys.map { FoundKey($0, meters: meters) }
        let found = all.compactMap { $0 }
        let held = try KnownKeys(session: session).held(found)
        var credentials = held.mapValues(\.credential)
        let absent = found.filter { held[$0.place] == nil && !$0.wire.present }
        credentials.merge(try KnownKeys(session: session).ended(absent)) { current, _ in current }
        try update(found, held)
        let known = credentials
        let changes = try adopt(
            found.filter { known[$0.place] == nil }, &credentials, newest: newest)
        try notePorts(found, credentials)
        let revision =
            changes.isEmpty
            ? nil : try Store.desire(changes, server: server, now: now, session)
        let strangers = try KnownKeys(session: session).strangers(among: found, credentials)
        let assignments = zip(keys, all).map { key, found in
            var assignment = WireAssignment()
            assignment.meter = key.meter
            assignment.key = key.key
            let place = found?.place
            assignment.credential = UInt64(place.flatMap { credentials[$0] } ?? 0)
            assignment.replaces = place.map(strangers.contains) ?? false
            return assignment
        }
        return InventoryReceipt(assignments: assignments, revision: revision)
    }

    /// The credentials of the keys of an agent's entries, by those that the entries name; made where
    /// a key has none. Also returns what is to be shut of these because their client is.
    func find(
        _ entries: [HeldSet.Entry]
    ) throws -> (credentials: [Int64: Int64], changes: [AccessChange]) {
        let meters = try MeterWrites(server: server, session: session)
            .ids(with: entries.map(\.meter))
        let found = entries.compactMap { entry in
            FoundKey(
                .with {
                    $0.meter = entry.meter
                    $0.key = entry.key
                    $0.credential = UInt64(entry.credential)
                }, meters: meters)
        }
        var credentials = try KnownKeys(session: session).held(found).mapValues(\.credential)
        let changes = try adopt(found.filter { credentials[$0.place] == nil }, &credentials)
        let named = found.compactMap { key in
            credentials[key.place].map { (Int64(key.wire.credential), $0) }
        }
        return (Dictionary(named, uniquingKeysWith: { first, _ in first }), changes)
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
        _ keys: [FoundKey], _ credentials: inout [KeyPlace: Int64], newest: UInt64 = 0
    ) throws -> [AccessChange] {
        var owners = try KnownKeys(session: session).owners(of: keys)
        let metered = try MeteredPlaces(
            of: server, for: keys.compactMap(\.named), session: session)
        var free = try FreeCredentials(for: keys, newest: newest, session)
        // Ids that agents hold come first: those that the engine gives then lie above them.
        let places = keys.map { (key: $0, id: free.take($0)) }
        var changes: [AccessChange] = []
        for (key, id) in places.filter({ $0.id != nil }) + places.filter({ $0.id == nil })
        where credentials[key.place] == nil {
            let isMetered = key.named.map(metered.cover) ?? false
            let owner = isMetered ? .nobody : try owner(of: key, &owners)
            let credential = try addCredential(
                key, client: owner.client, id: id ?? free.takeAbove())
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

    private func owner(
        of key: FoundKey, _ owners: inout [String: KeyOwner]
    ) throws -> KeyOwner {
        guard !key.isObserved else { return .nobody }
        guard let identity = key.identity else {
            return KeyOwner(client: try addClient(key), access: .open)
        }
        let owner = try owners[identity] ?? KeyOwner(client: addClient(key), access: .open)
        owners[identity] = owner
        return owner
    }

    private func addClient(_ key: FoundKey) throws -> Int64 {
        let source: NameSource = key.isNamed ? .configuration : .key
        return try session.first(
            """
            INSERT INTO clients (name, named_by, access, created_at) VALUES ($1, $2, 0, $3) \
            RETURNING id
            """, [.text(key.clientName), .integer(source.rawValue), .integer(now)])?
            .integer(0) ?? 0
    }

    /// Notes of ports which of them the host's own configuration names.
    private func notePorts(_ keys: [FoundKey], _ credentials: [KeyPlace: Int64]) throws {
        let rows = keys.flatMap { key -> [SQLValue] in
            guard key.named != nil, let credential = credentials[key.place] else { return [] }
            return [
                .integer(credential), .flag(key.wire.configured && key.wire.present),
                .integer(now),
            ]
        }
        try session.execute(
            """
            INSERT INTO ports (credential, configured, created_at) VALUES ($1, $2, $3) \
            ON CONFLICT (credential) DO UPDATE SET configured = excluded.configured
            """, width: 3, rows: rows)
    }

    /// Adds a key's credential, with this id; nil: the engine's next.
    func addCredential(_ key: FoundKey, client: Int64, id: Int64?) throws -> Int64 {
        let values: [SQLValue] = [
            .integer(server), .integer(key.meter), .text(key.wire.key), .integer(client),
            .text(key.name), .text(key.addresses), .flag(key.wire.present), .integer(now),
        ]
        let columns = "server, meter, key, client, name, addresses, present, created_at"
        let places = "$1, $2, $3, $4, $5, $6, $7, $8"
        let sql =
            id == nil
            ? "INSERT INTO credentials (\(columns)) VALUES (\(places)) RETURNING id"
            : "INSERT INTO credentials (\(columns), id) VALUES (\(places), $9) RETURNING id"
        let id =
            try session.first(sql, values + (id.map { [.integer($0)] } ?? []))?.integer(0) ?? 0
        let handshake = min(max(key.wire.lastHandshake, 0), now / 1_000_000_000)
        try session.execute(
            "INSERT INTO totals (credential, last_handshake) VALUES ($1, $2)",
            [.integer(id), .integer(handshake)])
        return id
    }
}
