/// A client as it is kept.
package struct ClientRecord: Hashable, Sendable {
    package var id: Int64
    package var name: String
    /// Whether the operator wants it kept out.
    package var isShut: Bool
    package var note: String
    package var createdAt: Int64
    /// All of them, those out of use too, by id.
    package var credentials: [CredentialRecord] = []

    static let columns = "k.id, k.name, k.access, k.note, k.created_at"

    init(_ row: Row) {
        id = row.integer(0)
        name = row.text(1)
        isShut = row.flag(2)
        note = row.text(3)
        createdAt = row.integer(4)
    }

    /// Bytes that it has sent.
    package var uplink: Int64 { credentials.reduce(0) { $0.addingClamped($1.uplink) } }

    /// Bytes that it has received.
    package var downlink: Int64 { credentials.reduce(0) { $0.addingClamped($1.downlink) } }
}
