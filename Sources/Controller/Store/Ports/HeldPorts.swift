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
    func all() throws -> [String: HeldPort] {
        let rows = try session.query(
            """
            SELECT c.id, c.key, c.client, k.name, c.desired, c.forced, c.desired_revision, \
            c.recovery, p.port_group, p.configured FROM credentials c \
            JOIN meters m ON m.id = c.meter JOIN clients k ON k.id = c.client \
            LEFT JOIN ports p ON p.credential = c.id \
            WHERE m.server = $1 AND m.name = $2 AND c.retired_at = 0
            """, [.integer(server.id), .text(Self.meter.description)])
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
        let all = try all()
        let found = keys.compactMap { all[$0.description] }
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
