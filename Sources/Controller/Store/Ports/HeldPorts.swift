import Accounting

/// A port as a server's `ports/inet` has it.
struct HeldPort {
    let credential: Int64
    let key: String
    let client: Int64
    let clientName: String
    let desired: Access
    let isForced: Bool
    /// Whether its agent was ever told of it.
    let isTold: Bool
    let isUndecided: Bool
    let group: String
    let isConfigured: Bool

    /// Whether it is counted no more, or a tombstone: naming it begins anew.
    var hasEnded: Bool { desired == .uncounted || desired == .deleted }
}

/// Looks up what a server has of named ports.
struct HeldPorts {
    /// What counts the ports and addresses that somebody named.
    static let meter = MeterName(kind: .ports, device: MeterName.named)

    let server: ServerRecord
    let session: any Session

    /// All that is in use of the server, by key.
    func all() throws -> [String: HeldPort] { try query() }

    /// Those of `keys`, and every other that may count some of the same; more than those where that
    /// cannot be told by the text.
    func around(_ keys: [PortKey]) throws -> [String: HeldPort] {
        var texts: [String] = []
        for key in keys {
            guard case .ports(_, let list) = key, let port = list.single else { return try all() }
            texts += PortKey.Transport.allCases.map { "\($0.rawValue)/\(port)" }
        }
        return try query(texts, orLike: ["%-%", "%,%"])
    }

    private func query(
        _ keys: [String] = [], orLike patterns: [String] = []
    ) throws -> [String: HeldPort] {
        var values: [SQLValue] = [.integer(server.id), .text(Self.meter.description)]
        func place(_ text: String) -> String {
            values.append(.text(text))
            return "$\(values.count)"
        }
        var conditions = patterns.map { "c.key LIKE \(place($0))" }
        if !keys.isEmpty {
            conditions.append("c.key IN (\(keys.map(place).joined(separator: ", ")))")
        }
        let narrowed = conditions.isEmpty ? "" : " AND (\(conditions.joined(separator: " OR ")))"
        let rows = try session.query(
            """
            SELECT c.id, c.key, c.client, k.name, c.desired, c.forced, c.desired_revision, \
            c.recovery, p.port_group, p.configured FROM credentials c \
            JOIN meters m ON m.id = c.meter JOIN clients k ON k.id = c.client \
            LEFT JOIN ports p ON p.credential = c.id \
            WHERE m.server = $1 AND m.name = $2 AND c.retired_at = 0\(narrowed)
            """, values)
        let held = rows.map { row in
            HeldPort(
                credential: row.integer(0), key: row.text(1), client: row.integer(2),
                clientName: row.text(3), desired: Access(stored: row.integer(4)),
                isForced: row.flag(5), isTold: row.flag(6), isUndecided: row.flag(7),
                group: row.text(8), isConfigured: row.flag(9))
        }
        return Dictionary(held.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Those of `keys` that have not ended; throws where there is none.
    func some(of keys: [PortKey]) throws -> [HeldPort] {
        let held = try query(keys.map(\.description))
        let found = keys.compactMap { held[$0.description] }
        guard !found.isEmpty else {
            let words = keys.map(\.description).joined(separator: " and ")
            throw StoreError(
                .notFound,
                """
                \(words) is not counted on \(server.name): name it first, with \
                `tollkeeper ports count`
                """)
        }
        return found
    }
}
