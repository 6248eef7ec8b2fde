import Accounting

/// Writes what an operator says of a server's ports, within a transaction.
struct PortWrites {
    let server: ServerRecord
    let now: Int64
    let session: any Session

    private var held: HeldPorts { HeldPorts(server: server, session: session) }

    /// Counts each key of `naming`.
    func name(_ naming: PortNaming) throws -> PortReceipt {
        let all = try held.around(naming.keys)
        try refuseOverlaps(naming.keys, with: all)
        let metered = try MeteredPlaces(of: server.id, for: naming.keys, session: session)
        let present = naming.keys.compactMap { all[$0.description] }.filter { !$0.hasEnded }
        var owners = PortOwners(naming, present, now: now, session: session)
        var receipt = PortReceipt(credentials: [], hasNews: false)
        var changes: [AccessChange] = []
        for key in naming.keys {
            let old = all[key.description]
            if let old, !old.hasEnded {
                try owners.require(old, on: server)
                if !old.isTold { changes.append(Self.change(old.credential, old.key, .open)) }
                receipt.credentials.append(old.credential)
                continue
            }
            let owner = try owners.owner(of: key, isMetered: metered.cover(key))
            let access: Access = owner.access.isShut ? .shut : .open
            let id = try begin(key, client: owner.client, after: old, &changes)
            changes.append(Self.change(id, key.description, access))
            receipt.credentials.append(id)
            receipt.isNew = true
        }
        try regroup(receipt.credentials, naming.group)
        receipt.hasNews = try desire(changes)
        return receipt
    }

    /// Gives each key of `naming` to its owner and into its group.
    func change(_ naming: PortNaming) throws -> PortReceipt {
        let ports = try held.some(of: naming.keys)
        let metered = try MeteredPlaces(of: server.id, for: naming.keys, session: session)
        var owners = PortOwners(naming, [], now: now, session: session)
        var receipt = PortReceipt(credentials: [], hasNews: false)
        var changes: [AccessChange] = []
        for port in ports {
            guard !port.hasEnded else { throw Self.ended(port, on: server) }
            guard let key = PortKey(port.key), naming.owner != .unsaid else {
                receipt.credentials.append(port.credential)
                continue
            }
            let owner = try owners.owner(of: key, isMetered: metered.cover(key))
            guard owner.client != port.client else {
                receipt.credentials.append(port.credential)
                continue
            }
            guard !port.isUndecided else { throw undecided(port) }
            let id = try begin(key, client: owner.client, after: port, &changes)
            // Moving opens nothing.
            let isShut = owner.access.isShut || port.desired.isShut
            changes.append(
                Self.change(id, port.key, isShut ? .shut : .open, isForced: port.isForced))
            try regroup([id], port.group)
            receipt.credentials.append(id)
            receipt.isNew = true
        }
        try regroup(receipt.credentials, naming.group)
        receipt.hasNews = try desire(changes)
        return receipt
    }

    /// Takes ports from their clients by now that an interface's peers are charged for what passes
    /// them; returns whether there were any.
    func observeMetered() throws -> Bool {
        let ports = try held.all().values.filter { $0.client != 0 && !$0.hasEnded }
        let keys = ports.compactMap { PortKey($0.key) }
        let metered = try MeteredPlaces(of: server.id, for: keys, session: session)
        var changes: [AccessChange] = []
        for port in ports.sorted(by: { $0.credential < $1.credential }) {
            guard let key = PortKey(port.key), metered.cover(key) else { continue }
            let id = try begin(
                key, client: KeyOwner.nobody.client, after: port, &changes)
            changes.append(Self.change(id, port.key, port.desired, isForced: port.isForced))
            try regroup([id], port.group)
        }
        return try desire(changes)
    }

    /// Ends the counting of what is open, also where the host's own configuration names it.
    func clean(_ keys: [PortKey]) throws -> PortReceipt {
        let ports = try held.some(of: keys)
        for port in ports where port.desired != .uncounted { try requireCleanable(port) }
        let changes = ports.filter { $0.desired != .uncounted }.map {
            Self.change($0.credential, $0.key, .uncounted)
        }
        return PortReceipt(
            credentials: ports.map(\.credential), hasNews: try desire(changes))
    }

    private func requireCleanable(_ port: HeldPort) throws {
        guard port.desired == .deleted || port.desired == .shut || port.isUndecided else { return }
        throw StoreError(
            .conflict, reason: "shut",
            """
            \(port.key) is shut on \(server.name), and would be open once nothing is kept of it: \
            \(port.desired == .deleted ? "count it anew" : "open it") first
            """)
    }

    static func ended(_ port: HeldPort, on server: ServerRecord) -> StoreError {
        let state = port.desired == .deleted ? "of a deleted client" : "counted no more"
        return StoreError(
            .conflict, reason: "not_counted",
            "\(port.key) on \(server.name) is \(state): count it anew with `tollkeeper ports count`"
        )
    }

    private func undecided(_ port: HeldPort) -> StoreError {
        StoreError(
            .conflict, reason: "recovering",
            """
            whether \(port.key) is open on \(server.name) is not decided since the controller was \
            put back from a backup: open or shut it first
            """)
    }

    /// Begins a port's credential, in the place of an older one.
    private func begin(
        _ key: PortKey, client: Int64, after old: HeldPort?, _ changes: inout [AccessChange]
    ) throws -> Int64 {
        if let old {
            try PortRetirement(server: server.id, now: now, session: session)
                .retire([old.credential])
            if old.desired != .uncounted {
                changes.append(Self.change(old.credential, old.key, .uncounted))
            }
        }
        let meters = try MeterWrites(server: server.id, session: session)
            .ids(with: [HeldPorts.meter.description])
        let wire = WireMeterKeys.named(key)
        guard let found = FoundKey(wire, meters: meters) else {
            throw StoreError(.internal, "no meter for \(key)")
        }
        let keys = KeyWrites(server: server.id, now: now, session: session)
        let id = try keys.addCredential(found, client: client, id: nil)
        try session.execute(
            "INSERT INTO ports (credential, configured, created_at) VALUES ($1, $2, $3)",
            [.integer(id), .flag(old?.isConfigured ?? false), .integer(now)])
        return id
    }

    private func regroup(_ credentials: [Int64], _ group: String?) throws {
        guard let group else { return }
        try session.execute(
            """
            INSERT INTO ports (credential, port_group, created_at) VALUES ($1, $2, $3) \
            ON CONFLICT (credential) DO UPDATE SET port_group = excluded.port_group
            """, width: 3,
            rows: credentials.flatMap { [.integer($0), .text(group), .integer(now)] })
    }

    private func desire(_ changes: [AccessChange]) throws -> Bool {
        guard !changes.isEmpty else { return false }
        _ = try Store.desire(changes, server: server.id, now: now, session)
        return true
    }

    private static func change(
        _ credential: Int64, _ key: String, _ access: Access, isForced: Bool = false
    ) -> AccessChange {
        AccessChange(
            credential: credential, meter: HeldPorts.meter.description, key: key, access: access,
            isForced: isForced && access.isShut)
    }

    /// A byte is charged once: no two keys of one server may count the same port or address.
    private func refuseOverlaps(_ keys: [PortKey], with all: [String: HeldPort]) throws {
        for key in keys {
            let other = all.values.first { port in
                guard !port.hasEnded, port.key != key.description, let other = PortKey(port.key)
                else { return false }
                return key.overlaps(other)
            }
            guard let other else { continue }
            throw StoreError(
                .conflict, reason: "overlap",
                """
                \(key) overlaps \(other.key), which is counted on \(server.name) already: a byte \
                is charged once; clean that one first
                """)
        }
    }
}
