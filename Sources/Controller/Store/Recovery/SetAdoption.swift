import Accounting
import AgentProtocol

/// Takes an agent's set over, within a transaction.
struct SetAdoption {
    let server: Int64
    let now: Int64
    let session: any Session

    /// A credential as this store has it, and as it shall be.
    private struct Door {
        let credential: Int64
        let meter: String
        let key: String
        let client: Int64
        let revision: Int64
        var access: Access
        var undecided: Undecided
        var isForced: Bool
        /// Whether the agent is told of it although nothing but open was ever wanted.
        var isNamed = false

        /// SELECT … FROM credentials c JOIN meters m.
        static let columns =
            "c.id, m.name, c.key, c.client, c.desired_revision, c.desired, c.recovery, c.forced"

        init(_ row: Row) {
            credential = row.integer(0)
            (meter, key) = (row.text(1), row.text(2))
            client = row.integer(3)
            revision = row.integer(4)
            access = Access(stored: row.integer(5))
            undecided = Undecided(rawValue: row.integer(6)) ?? .nothing
            isForced = row.flag(7)
        }

        /// Takes over what the agent holds: never an opening, nor that a shut port is not counted any
        /// more, which would open it. What is counted since the backup is counted on.
        mutating func take(_ entry: HeldSet.Entry) {
            if entry.isNamed { isNamed = true }
            switch (entry.access.isShut, access.isShut) {
            case (true, false) where entry.revision >= revision:
                (access, isForced) = (entry.access, entry.isForced)
            case (false, false) where entry.isNamed && entry.revision >= revision:
                access = entry.access
            case (true, false) where access == .uncounted:
                // Whether it is let through again is asked once more.
                (access, isForced, undecided) = (.shut, entry.isForced, .reopened)
            case (true, false):
                // The opening is newer; but it waits for the server's usage.
                (access, undecided) = (.shut, .waitsForUsage)
            case (true, true) where entry.access == .deleted && entry.revision >= revision:
                (access, undecided) = (.deleted, .nothing)
            case (false, true) where entry.revision > revision && undecided == .nothing:
                undecided = .reopened
            default: break
            }
        }
    }

    /// Takes the set over and writes all of the server's entries anew, above every revision seen.
    func run(_ set: HeldSet, above revision: Int64) throws {
        var doors = try doors(of: set)
        var adopted: Set<Int64> = []
        for (entry, id) in try places(of: set, in: &doors) {
            guard var door = doors[id] else { continue }
            door.take(entry)
            if door.access.isShut, doors[id]?.access == .open || door.access == .deleted {
                adopted.insert(door.client)
            }
            doors[id] = door
        }
        try session.execute(
            """
            UPDATE servers SET revision = $1, wants_set = 0, taken_revision = $2, \
            taken_digest = $3, recovering_since = \
            CASE WHEN recovering_since = 0 THEN $4 ELSE recovering_since END WHERE id = $5
            """,
            [
                .integer(max(revision, set.highest)), .integer(set.revision), .bytes(set.digest),
                .integer(now), .integer(server),
            ])
        try write(doors.values.sorted { $0.credential < $1.credential })
        try shutClients(adopted)
    }

    /// The credentials of this server that its desired set or the agent's has entries for.
    private func doors(of set: HeldSet) throws -> [Int64: Door] {
        let held = try session.query(
            """
            SELECT \(Door.columns) FROM desired d JOIN credentials c ON c.id = d.credential \
            JOIN meters m ON m.id = c.meter WHERE d.server = $1
            """, [.integer(server)])
        let named = try session.query(
            fixed: [.integer(server)], in: set.entries.map { .integer($0.credential) }
        ) {
            """
            SELECT \(Door.columns) FROM credentials c JOIN meters m ON m.id = c.meter \
            WHERE c.server = $1 AND c.id IN (\($0))
            """
        }
        let doors = (held + named).map { ($0.integer(0), Door($0)) }
        return Dictionary(doors, uniquingKeysWith: { first, _ in first })
    }

    /// Which credential each entry is about; those that this store does not know are made, where
    /// the agent keeps them out, or counts a port since it was told to.
    private func places(
        of set: HeldSet, in doors: inout [Int64: Door]
    ) throws -> [(entry: HeldSet.Entry, credential: Int64)] {
        var known: [(HeldSet.Entry, Int64)] = []
        var unknown: [HeldSet.Entry] = []
        for entry in set.entries {
            if let door = doors[entry.credential], door.meter == entry.meter,
                door.key == entry.key
            {
                known.append((entry, entry.credential))
            } else if entry.access.isShut || entry.isNamed {
                unknown.append(entry)
            }
        }
        let keys = KeyWrites(server: server, now: now, session: session)
        let (made, changes) = try keys.find(unknown)
        let ids = made.values.filter { doors[$0] == nil }.map { SQLValue.integer($0) }
        let rows = try session.query(in: ids) {
            """
            SELECT \(Door.columns) FROM credentials c JOIN meters m ON m.id = c.meter \
            WHERE c.id IN (\($0))
            """
        }
        for row in rows { doors[row.integer(0)] = Door(row) }
        for change in changes { doors[change.credential]?.access = change.access }
        return known
            + unknown.compactMap { entry in made[entry.credential].map { (entry, $0) } }
    }

    private func write(_ doors: [Door]) throws {
        let changes = doors.filter { $0.revision > 0 || $0.access != .open || $0.isNamed }.map {
            AccessChange(
                credential: $0.credential, meter: $0.meter, key: $0.key, access: $0.access,
                isForced: $0.isForced && $0.access.isShut)
        }
        _ = try Store.desire(changes, server: server, now: now, session)
        try session.execute(
            "UPDATE credentials SET recovery = $1 WHERE id = $2", width: 2,
            rows: doors.filter { $0.undecided != .nothing }.flatMap {
                [.integer($0.undecided.rawValue), .integer($0.credential)]
            })
    }

    /// A client that is let in nowhere any more was revoked, or deleted, since the backup.
    private func shutClients(_ clients: Set<Int64>) throws {
        let open = """
            SELECT c.id FROM credentials c JOIN servers s ON s.id = c.server \
            WHERE c.client = clients.id AND c.retired_at = 0 AND s.closed_at = 0 \
            AND c.desired <> 3
            """
        let ids = clients.sorted().map { SQLValue.integer($0) }
        try session.execute(
            """
            UPDATE clients SET access = 1 WHERE id = $1 \
            AND NOT EXISTS (\(open) AND (c.desired = 0 OR c.recovery = 1))
            """, width: 1, rows: ids)
        try session.execute(
            """
            UPDATE clients SET deleted_at = $1 WHERE id = $2 AND deleted_at = 0 \
            AND NOT EXISTS (\(open) AND c.desired <> 2)
            """, width: 2, rows: ids.flatMap { [.integer(now), $0] })
    }
}
