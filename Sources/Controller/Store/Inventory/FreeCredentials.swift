import AgentProtocol

/// Which of the credential ids that agents name are free, as they are after a restore from an old
/// backup: an id that a row has, or had, is never given again.
struct FreeCredentials {
    private var taken: Set<Int64>
    private let highest: Int64
    /// The id above all that the agent holds; nil where the engine's next one is.
    private var above: Int64?

    /// How far an agent may move the ids on at once, so that none can use them up.
    private static let reach: Int64 = 1_000_000

    /// Looks up the ids that these keys' agent names, and how far those that it holds reach.
    init(for keys: [FoundKey], newest: UInt64, _ session: any Session) throws {
        let named = keys.filter { $0.wire.credential != 0 }
        guard !named.isEmpty || newest != 0 else {
            (taken, highest) = ([], 0)
            return
        }
        let rows = try session.query(in: named.map { .clamped($0.wire.credential) }) {
            "SELECT id FROM credentials WHERE id IN (\($0))"
        }
        taken = Set(rows.map { $0.integer(0) })
        highest = try session.first("SELECT MAX(id) FROM credentials", [])?.integer(0) ?? 0
        if let newest = Int64(exactly: newest), newest > highest, newest <= highest + Self.reach {
            above = newest + 1
        }
    }

    /// Takes the id above all that the agent holds, so that those after it lie there too; nil where
    /// the engine's next one does.
    mutating func takeAbove() -> Int64? {
        defer { above = nil }
        // Where a key names just that one, the engine's next lies above it.
        return above.flatMap { taken.contains($0) ? nil : $0 }
    }

    /// Takes the id that a key's agent names; nil where none is named, or it cannot be had.
    mutating func take(_ key: FoundKey) -> Int64? {
        guard key.wire.credential != 0, let id = Int64(exactly: key.wire.credential),
            id <= highest + Self.reach
        else { return nil }
        return taken.insert(id).inserted ? id : nil
    }
}
