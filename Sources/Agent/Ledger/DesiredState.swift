public import Accounting
package import AgentProtocol
import FoundationEssentials

/// What the controller wants of one credential.
public struct DesiredAccess: Hashable, Sendable {
    /// The credential's id.
    public var credential: UInt64
    /// Where its key is counted.
    public var meter: MeterName
    /// Its key.
    public var key: Key
    /// The revision that brought it.
    public var revision: UInt64
    /// What is wanted.
    public var access: Access
    /// Whether it is to be shut even where it is protected.
    public var isForced = false

    /// Makes a wish.
    public init(
        credential: UInt64, meter: MeterName, key: Key, revision: UInt64, access: Access,
        isForced: Bool = false
    ) {
        self.credential = credential
        self.meter = meter
        self.key = key
        self.revision = revision
        self.access = access
        self.isForced = isForced
    }
}

/// How far the agent is with the controller's wishes.
public struct DesiredPosition: Hashable, Sendable {
    /// The newest revision held; 0 for none.
    public var revision: UInt64
    /// The digest over all entries held, 32 bytes.
    public var digest: [UInt8]
}

extension Ledger {
    /// The newest revision held, and the digest of all that is held.
    package func desiredPosition() -> DesiredPosition {
        DesiredPosition(revision: desiredRevision, digest: desiredDigest.bytes)
    }

    /// All that is held, as it came, for a controller that does not know what that is.
    package func desiredSet() throws(LedgerError) -> WireDesiredSet {
        var set = WireDesiredSet()
        set.revision = desiredRevision
        set.digest = .init(desiredDigest.bytes)
        try database.query("SELECT entry FROM desired ORDER BY credential") { row in
            set.entries.append(.init(row.blob(0)))
        }
        return set
    }

    /// Reads what is kept in memory of what the controller wants.
    func loadDesired() throws(LedgerError) {
        desiredRevision = UInt64(try database.fact("desired_revision") ?? "") ?? 0
        desiredDigest = SetDigest()
        try database.query("SELECT entry FROM desired") { row in
            desiredDigest.insert(row.blob(0))
        }
    }

    /// Every credential that the controller has ever wanted something of.
    public func desired() throws(LedgerError) -> [DesiredAccess] {
        try Self.desired(in: database)
    }

    /// The same of the ledger at `path`, which is not started for that.
    public static func desired(at path: String) throws(LedgerError) -> [DesiredAccess] {
        try desired(in: try Database(path: path))
    }

    private static func desired(in database: Database) throws(LedgerError) -> [DesiredAccess] {
        var wishes: [DesiredAccess] = []
        let sql = "SELECT credential, meter, key, revision, access, forced FROM desired"
        try database.query(sql) { row in
            guard let meter = MeterName(row.text(1)), let key = Key(row.text(2), of: meter.kind)
            else { return }
            wishes.append(
                DesiredAccess(
                    credential: row.unsigned(0), meter: meter, key: key,
                    revision: row.unsigned(3), access: Access(rawValue: row.text(4)) ?? .shut,
                    isForced: row.integer(5) == 1))
        }
        return wishes
    }

    /// What a message of the controller's asks for, whether or not it is newer than what is held.
    package static func wishes(in desired: WireDesired) throws(LedgerError) -> [DesiredAccess] {
        var wishes: [DesiredAccess] = []
        for bytes in desired.entries {
            let entry = try decode(Array(bytes))
            guard let meter = MeterName(entry.meter), let key = Key(entry.key, of: meter.kind)
            else { continue }
            wishes.append(
                DesiredAccess(
                    credential: entry.credential, meter: meter, key: key,
                    revision: entry.revision, access: entry.access.value, isForced: entry.forced))
        }
        return wishes
    }

    /// Takes over what the controller sent. An entry applies only at a higher revision than the
    /// one held, and a whole set only where it is not older than what is held.
    ///
    /// A shut that a whole set lacks is kept: a controller that was put back from an older copy
    /// opens nobody. So is one whose credential is said to be another key now: credentials never
    /// change theirs. With an entry that applies goes what `settings` has for its credential, all in
    /// one transaction. Returns whether anything changed.
    @discardableResult
    package func adopt(
        _ desired: WireDesired, keepingOut settings: [UInt64: KeptOutKey] = [:]
    ) throws(LedgerError) -> Bool {
        guard desired.revision >= desiredRevision else { return false }
        var digest = desiredDigest
        let changed = try database.transaction { () throws(LedgerError) in
            var changed = false
            var named = Set<UInt64>()
            for bytes in desired.entries {
                let entry = try Self.decode(Array(bytes))
                named.insert(entry.credential)
                if try adopt(entry, Array(bytes), replacing: desired.whole, &digest) {
                    changed = true
                    if let key = settings[entry.credential] { try write(key) }
                }
            }
            if desired.whole, try drop(allBut: named, &digest) { changed = true }
            try database.setFact("desired_revision", String(desired.revision))
            return changed
        }
        (desiredRevision, desiredDigest) = (desired.revision, digest)
        return changed
    }

    private static func decode(_ bytes: [UInt8]) throws(LedgerError) -> WireDesiredEntry {
        do {
            return try WireDesiredEntry(decoding: bytes)
        } catch {
            throw LedgerError(
                .failed, doing: "read the controller's desired state", reason: "\(error)")
        }
    }

    /// Where the revision is the one that is held, a whole set may change an entry, but not open
    /// what is shut, nor leave it uncounted: the same number may stand for something else after a controller was put back.
    private func adopt(
        _ entry: WireDesiredEntry, _ bytes: [UInt8], replacing: Bool, _ digest: inout SetDigest
    ) throws(LedgerError) -> Bool {
        let held = try self.entry(of: entry.credential)
        try database.run(
            """
            INSERT INTO desired (credential, meter, key, revision, access, entry, forced)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?8)
            ON CONFLICT (credential) DO UPDATE SET
                meter = excluded.meter, key = excluded.key, revision = excluded.revision,
                access = excluded.access, entry = excluded.entry, forced = excluded.forced
            WHERE (excluded.revision > desired.revision
                    OR (?7 = 1 AND excluded.revision = desired.revision
                        AND excluded.entry <> desired.entry
                        AND (excluded.access IN ('shut', 'deleted')
                            OR desired.access IN ('open', 'uncounted'))))
                AND (desired.access IN ('open', 'uncounted')
                    OR (excluded.meter = desired.meter AND excluded.key = desired.key))
            """,
            [
                .bytes(entry.credential), .text(entry.meter), .text(entry.key),
                .bytes(entry.revision), .text(entry.access.value.rawValue), .blob(bytes),
                .integer(replacing ? 1 : 0), .integer(entry.forced ? 1 : 0),
            ])
        guard database.changes > 0 else { return false }
        if let held { digest.remove(held) }
        digest.insert(bytes)
        return true
    }

    private func entry(of credential: UInt64) throws(LedgerError) -> [UInt8]? {
        var entry: [UInt8]?
        try database.query(
            "SELECT entry FROM desired WHERE credential = ?1", [.bytes(credential)]
        ) { row in entry = row.blob(0) }
        return entry
    }

    private func drop(
        allBut named: Set<UInt64>, _ digest: inout SetDigest
    ) throws(LedgerError) -> Bool {
        var extra: [(credential: UInt64, entry: [UInt8])] = []
        let sql = "SELECT credential, entry FROM desired WHERE access IN ('open', 'uncounted')"
        try database.query(sql) { row in
            if !named.contains(row.unsigned(0)) { extra.append((row.unsigned(0), row.blob(1))) }
        }
        for (credential, entry) in extra {
            try database.run(
                "DELETE FROM desired WHERE credential = ?1", [.bytes(credential)])
            digest.remove(entry)
        }
        return !extra.isEmpty
    }
}
