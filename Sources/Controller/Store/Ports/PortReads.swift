package import Accounting

extension Store {
    /// One page of the ports that are counted, named or by rules that were there, by credential, from
    /// after `after` on; `key` narrows to that one.
    package func ports(
        server: Int64? = nil, keys: [PortKey]? = nil, group: String? = nil, after: Int64 = 0,
        limit: Int
    ) async throws -> [PortRecord] {
        var conditions = [
            "c.id > $1", "c.retired_at = 0", "s.closed_at = 0",
            "(m.name = 'ports/inet' OR m.name = 'ports/host' OR m.name LIKE 'ports/inet@%' "
                + "OR m.name LIKE 'ports/host@%')",
        ]
        var values: [SQLValue] = [.integer(after)]
        func place(_ value: SQLValue) -> String {
            values.append(value)
            return "$\(values.count)"
        }
        if let server { conditions.append("c.server = \(place(.integer(server)))") }
        if let keys {
            let places = keys.map { place(.text($0.description)) }
            conditions.append("c.key IN (\(places.joined(separator: ", ")))")
        }
        if let group {
            conditions.append(
                "c.id IN (SELECT credential FROM ports WHERE port_group = \(place(.text(group))))")
        }
        let sql = """
            \(CredentialRecord.source) WHERE \(conditions.joined(separator: " AND ")) \
            ORDER BY c.id LIMIT \(place(.integer(Int64(limit))))
            """
        let bound = values
        return try await database.read { session in
            if let server { _ = try Self.server(server, session) }
            return try Self.filled(try session.query(sql, bound), session)
        }
    }

    /// The ports with these credentials, also those out of use.
    package func ports(ids: [Int64]) async throws -> [PortRecord] {
        try await database.read { session in
            let rows = try session.query(in: ids.map { .integer($0) }) {
                "\(CredentialRecord.source) WHERE c.id IN (\($0))"
            }
            return try Self.filled(rows, session).sorted { $0.credential.id < $1.credential.id }
        }
    }

    /// The traffic of every port, or of one server's, by ports as they are written; each byte once.
    package func portTotals(
        server: Int64? = nil, family: PortFamily
    ) async throws -> [String: PortTraffic] {
        let share = server.map { " AND m.server = \($0)" } ?? ""
        return try await database.read { session in
            if let server { _ = try Self.server(server, session) }
            let rows = try session.query(
                """
                SELECT m.server, m.name, c.key, t.uplink, t.downlink FROM meters m \
                JOIN servers s ON s.id = m.server JOIN credentials c ON c.meter = m.id \
                JOIN totals t ON t.credential = c.id \
                WHERE (m.name LIKE 'ports/%' OR m.name LIKE 'packets/%') \
                AND c.retired_at = 0 AND s.closed_at = 0\(share)
                """, [])
            var sums = PortSums()
            for row in rows {
                sums.add(
                    server: row.integer(0), meter: row.text(1), key: row.text(2),
                    uplink: row.integer(3), downlink: row.integer(4))
            }
            return sums.sums(family)
        }
    }

    /// What else is kept of ports: their groups, and what was read beside them.
    private static func filled(
        _ rows: [Row], _ session: any Session
    ) throws -> [PortRecord] {
        let credentials = rows.map(CredentialRecord.init)
        let said = try session.query(in: credentials.map { .integer($0.id) }) {
            "SELECT credential, port_group, configured FROM ports WHERE credential IN (\($0))"
        }
        let saidOf = Dictionary(
            said.map { ($0.integer(0), $0) }, uniquingKeysWith: { first, _ in first })
        let counts = try counts(beside: credentials, session)
        return credentials.map { credential in
            var port = PortRecord(credential: credential)
            port.counts = counts[Beside(credential)] ?? PortCounts()
            port.counts.all.add(credential.uplink, credential.downlink, arePackets: false)
            port.group = saidOf[credential.id]?.text(1) ?? ""
            port.isConfigured = saidOf[credential.id]?.flag(2) ?? false
            return port
        }
    }

    /// Where what is read beside a port stands: it goes out of use together with it.
    private struct Beside: Hashable {
        let server: Int64
        let meter: MeterName?
        let key: String
        let retiredAt: Int64

        init(_ credential: CredentialRecord) {
            (server, key) = (credential.server, credential.key)
            meter = MeterName(credential.meter)
            retiredAt = credential.retiredAt
        }

        init(server: Int64, meter: MeterName, key: String, retiredAt: Int64) {
            (self.server, self.meter, self.key) = (server, meter, key)
            self.retiredAt = retiredAt
        }
    }

    private static func counts(
        beside ports: [CredentialRecord], _ session: any Session
    ) throws -> [Beside: PortCounts] {
        let keys = Set(ports.map(\.key)).sorted().map { SQLValue.text($0) }
        let rows = try session.query(in: keys) {
            """
            SELECT c.server, m.name, c.key, c.retired_at, t.uplink, t.downlink \
            FROM credentials c JOIN meters m ON m.id = c.meter \
            JOIN totals t ON t.credential = c.id WHERE c.key IN (\($0)) \
            AND (m.name LIKE 'packets/%' OR m.name LIKE 'ports/%-ipv6%')
            """
        }
        var counts: [Beside: PortCounts] = [:]
        for row in rows {
            guard let meter = PortMeter(row.text(1)), meter.isIPv6 || meter.arePackets else {
                continue
            }
            let place = Beside(
                server: row.integer(0), meter: meter.base, key: row.text(2),
                retiredAt: row.integer(3))
            meter.add(row.integer(4), row.integer(5), to: &counts[place, default: PortCounts()])
        }
        return counts
    }
}
