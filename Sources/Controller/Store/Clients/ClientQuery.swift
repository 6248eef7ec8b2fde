/// Which clients to list, and in which order.
package struct ClientQuery: Sendable {
    /// Orders that an index carries.
    package enum Order: String, Sendable, CaseIterable {
        case id
        case name
    }

    /// What holds of a client, as the store can tell it.
    package struct Status: Sendable {
        package var isShut: Bool
        package var isPending: Bool

        /// Makes a status.
        package init(isShut: Bool, isPending: Bool) {
            (self.isShut, self.isPending) = (isShut, isPending)
        }
    }

    /// The last client of the page before.
    package struct Position: Hashable, Sendable {
        package var id: Int64
        package var name: String

        /// Makes a position.
        package init(id: Int64, name: String) {
            (self.id, self.name) = (id, name)
        }
    }

    package var order = Order.id
    package var isDescending = false
    package var after: Position?
    package var limit = 100
    package var name: String?
    package var server: Int64?
    package var key: String?
    package var status: Status?

    /// Makes a query for the first clients by id.
    package init() {}

    /// The statement's text and values; it yields `ClientRecord.columns`.
    func statement() -> (sql: String, values: [SQLValue]) {
        var values: [SQLValue] = []
        func place(_ value: SQLValue) -> String {
            values.append(value)
            return "$\(values.count)"
        }
        var conditions = ["k.deleted_at = 0"]
        if let name { conditions.append("k.name = \(place(.text(name)))") }
        if let server {
            conditions.append(
                """
                k.id IN (SELECT client FROM credentials \
                WHERE server = \(place(.integer(server))) AND retired_at = 0)
                """)
        }
        if let key {
            conditions.append(
                "k.id IN (SELECT client FROM credentials WHERE key = \(place(.text(key))))")
        }
        if let status {
            conditions.append("k.access = \(status.isShut ? 1 : 0)")
            conditions.append("\(status.isPending ? "" : "NOT ")\(Self.isPending)")
        }
        if let after { conditions.append(position(after, place)) }
        let sql = """
            SELECT \(ClientRecord.columns) FROM clients k \
            WHERE \(conditions.joined(separator: " AND ")) \
            ORDER BY \(ordering) LIMIT \(place(.integer(Int64(limit))))
            """
        return (sql, values)
    }

    private var ordering: String {
        let direction = isDescending ? "DESC" : "ASC"
        return order == .id ? "k.id \(direction)" : "k.name \(direction), k.id \(direction)"
    }

    private func position(_ after: Position, _ place: (SQLValue) -> String) -> String {
        let sign = isDescending ? "<" : ">"
        guard order == .name else { return "k.id \(sign) \(place(.integer(after.id)))" }
        let name = place(.text(after.name))
        return "(k.name, k.id) \(sign) (\(name), \(place(.integer(after.id))))"
    }

    /// Whether something that the client is to be has yet to be verified.
    private static let isPending = """
        EXISTS (SELECT 1 FROM credentials c JOIN servers s ON s.id = c.server \
        WHERE c.client = k.id AND c.retired_at = 0 AND s.closed_at = 0 AND c.desired <> 3 AND \
        (CASE WHEN c.desired = 0 OR c.recovery = 1 THEN 0 ELSE 1 END) = k.access AND \
        (c.recovery = 1 OR (c.desired_revision > c.enforced_revision \
        AND c.exception_code <> 'gone')))
        """
}
