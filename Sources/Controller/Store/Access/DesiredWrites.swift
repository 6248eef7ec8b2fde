import Accounting
import AgentProtocol
import SwiftProtobuf

/// What a credential is to be from now on.
struct AccessChange {
    let credential: Int64
    let meter: String
    let key: String
    let access: Access
    /// Whether it is to be shut even where its port is protected.
    var isForced = false
}

extension Access {
    /// The number that the store keeps it as.
    var stored: Int64 {
        switch self {
        case .open: 0
        case .shut: 1
        case .deleted: 2
        case .uncounted: 3
        }
    }

    /// Reads the store's number; what is unknown counts as shut.
    init(stored: Int64) {
        switch stored {
        case 0: self = .open
        case 2: self = .deleted
        case 3: self = .uncounted
        default: self = .shut
        }
    }
}

extension Store {
    /// How many of a server's past revisions an agent may name to get only what changed.
    static let rememberedRevisions: Int64 = 4096

    /// Writes a server's changes as one new revision, which it returns.
    static func desire(
        _ changes: [AccessChange], server: Int64, now: Int64, _ session: any Session
    ) throws -> Int64 {
        let row = try session.first(
            "UPDATE servers SET revision = revision + 1 WHERE id = $1 RETURNING revision, digest",
            [.integer(server)])
        guard let row, var digest = SetDigest(row.bytes(1)) else { throw noServer(server) }
        let revision = row.integer(0)
        for entry in try entries(of: changes, server: server, session) { digest.remove(entry) }
        var entries: [SQLValue] = []
        var credentials: [SQLValue] = []
        for change in changes {
            let entry = try change.entry(revision: revision)
            digest.insert(entry)
            entries += [
                .integer(server), .integer(change.credential), .integer(revision), .bytes(entry),
            ]
            credentials += [
                .integer(change.access.stored), .integer(revision), .integer(now),
                .flag(change.isForced), .integer(change.credential),
            ]
        }
        try write(entries: entries, credentials: credentials, session)
        try keep(digest, revision: revision, server: server, session)
        return revision
    }

    private static func entries(
        of changes: [AccessChange], server: Int64, _ session: any Session
    ) throws -> [[UInt8]] {
        let ids = changes.map { SQLValue.integer($0.credential) }
        let rows = try session.query(fixed: [.integer(server)], in: ids) {
            "SELECT entry FROM desired WHERE server = $1 AND credential IN (\($0))"
        }
        return rows.map { $0.bytes(0) }
    }

    private static func write(
        entries: [SQLValue], credentials: [SQLValue], _ session: any Session
    ) throws {
        try session.execute(
            """
            INSERT INTO desired (server, credential, revision, entry) VALUES ($1, $2, $3, $4) \
            ON CONFLICT (server, credential) DO UPDATE SET \
            revision = excluded.revision, entry = excluded.entry
            """, width: 4, rows: entries)
        try session.execute(
            """
            UPDATE credentials SET desired = $1, desired_revision = $2, requested_at = $3, \
            forced = $4, recovery = 0, exception_code = '', exception_detail = '' WHERE id = $5
            """, width: 5, rows: credentials)
    }

    private static func keep(
        _ digest: SetDigest, revision: Int64, server: Int64, _ session: any Session
    ) throws {
        try session.execute(
            "UPDATE servers SET digest = $1 WHERE id = $2",
            [.bytes(digest.bytes), .integer(server)])
        try session.execute(
            "INSERT INTO desired_history (server, revision, digest) VALUES ($1, $2, $3)",
            [.integer(server), .integer(revision), .bytes(digest.bytes)])
        try session.execute(
            "DELETE FROM desired_history WHERE server = $1 AND revision <= $2",
            [.integer(server), .integer(revision - rememberedRevisions)])
    }
}

extension AccessChange {
    fileprivate func entry(revision: Int64) throws -> [UInt8] {
        var entry = WireDesiredEntry()
        entry.credential = UInt64(credential)
        entry.meter = meter
        entry.key = key
        entry.revision = UInt64(revision)
        entry.access = WireAccess(access)
        entry.forced = isForced
        return try entry.serializedBytes()
    }
}
