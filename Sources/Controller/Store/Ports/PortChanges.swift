package import Accounting

extension Store {
    /// Counts a port from now on: finds its credential, or makes it with a desired entry.
    ///
    /// Where it listens for a metered interface, or is the tunnel address of a peer, it is observed:
    /// charged to nobody. Throws `conflict` where it is another client's, or overlaps another one.
    package func countPorts(
        _ naming: PortNaming, server: Int64, now: Int64
    ) async throws -> PortReceipt {
        try naming.check()
        return try await database.write { session in
            let server = try Self.server(server, session)
            return try PortWrites(server: server, now: now, session: session).name(naming)
        }
    }

    /// Gives a port to another client, or into another group. With another client a new credential
    /// begins: what was used so far stays the client's who had it.
    package func changePorts(
        _ naming: PortNaming, server: Int64, now: Int64
    ) async throws -> PortReceipt {
        try naming.check()
        return try await database.write { session in
            let server = try Self.server(server, session)
            return try PortWrites(server: server, now: now, session: session).change(naming)
        }
    }

    /// Ends the counting of ports, after a last reading. Their history stays.
    package func cleanPorts(
        _ keys: [PortKey], server: Int64, now: Int64
    ) async throws -> PortReceipt {
        try await database.write { session in
            let server = try Self.server(server, session)
            return try PortWrites(server: server, now: now, session: session).clean(keys)
        }
    }

    /// Shuts or opens ports, whatever becomes of their client's other credentials; `forced`: shut
    /// them even where they are protected.
    package func setPorts(
        _ keys: [PortKey], to access: Access, forced: Bool = false, server: Int64, now: Int64
    ) async throws -> PortReceipt {
        try await database.writeUrgently { session in
            let record = try Self.server(server, session)
            let held = try HeldPorts(server: record, session: session).some(of: keys)
            for port in held where port.hasEnded {
                throw PortWrites.ended(port, on: record)
            }
            let rows = try session.query(in: held.map { .integer($0.credential) }) {
                "\(Self.doors) WHERE c.id IN (\($0))"
            }
            let hasNews = try Self.set(
                access, forced: forced, rows, server: server, now: now, session)
            return PortReceipt(credentials: held.map(\.credential), hasNews: hasNews)
        }
    }

    /// Takes a shut back that an agent refuses, so that it does not come true one day by itself.
    /// Returns whether anything was.
    package func takeBack(
        _ credentials: [Int64], server: Int64, now: Int64
    ) async throws -> Bool {
        try await database.writeUrgently { session in
            let rows = try session.query(in: credentials.map { .integer($0) }) {
                """
                \(Self.doors) WHERE c.id IN (\($0)) AND c.exception_code = 'protected' \
                AND c.desired = 1 AND c.forced = 0
                """
            }
            let changes = rows.map {
                AccessChange(
                    credential: $0.integer(0), meter: $0.text(2), key: $0.text(3), access: .open)
            }
            guard !changes.isEmpty else { return false }
            _ = try Self.desire(changes, server: server, now: now, session)
            return true
        }
    }
}
