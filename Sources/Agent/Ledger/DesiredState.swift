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
    package func desiredPosition() throws(LedgerError) -> DesiredPosition {
        let revision = UInt64(try database.fact("desired_revision") ?? "0") ?? 0
        var digest = SetDigest()
        try database.query("SELECT entry FROM desired") { row in digest.insert(row.blob(0)) }
        return DesiredPosition(revision: revision, digest: digest.bytes)
    }

    /// Every credential that the controller has ever wanted something of.
    public func desired() throws(LedgerError) -> [DesiredAccess] {
        var wishes: [DesiredAccess] = []
        try database.query("SELECT credential, meter, key, revision, access FROM desired") { row in
            guard let meter = MeterName(row.text(1)), let key = Key(row.text(2), of: meter.kind)
            else { return }
            wishes.append(
                DesiredAccess(
                    credential: row.unsigned(0), meter: meter, key: key,
                    revision: row.unsigned(3), access: Access(rawValue: row.text(4)) ?? .shut))
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
                    revision: entry.revision, access: entry.access.value))
        }
        return wishes
    }

    /// Takes over what the controller sent. An entry applies only at a higher revision than the
    /// one held, and a whole set only where it is not older than what is held.
    ///
    /// A shut that a whole set lacks is kept: a controller that was put back from an older copy
    /// opens nobody. Returns whether anything changed.
    @discardableResult
    package func adopt(_ desired: WireDesired) throws(LedgerError) -> Bool {
        let held = UInt64(try database.fact("desired_revision") ?? "0") ?? 0
        guard desired.revision >= held else { return false }
        return try database.transaction { () throws(LedgerError) in
            var changed = false
            var named = Set<UInt64>()
            for bytes in desired.entries {
                let entry = try Self.decode(Array(bytes))
                named.insert(entry.credential)
                if try adopt(entry, bytes: Array(bytes), replacing: desired.whole) {
                    changed = true
                }
            }
            if desired.whole, try drop(allBut: named) { changed = true }
            try database.setFact("desired_revision", String(desired.revision))
            return changed
        }
    }

    private static func decode(_ bytes: [UInt8]) throws(LedgerError) -> WireDesiredEntry {
        do {
            return try WireDesiredEntry(decoding: bytes)
        } catch {
            throw LedgerError(
                .failed, doing: "read the controller's desired state", reason: "\(error)")
        }
    }

    private func adopt(
        _ entry: WireDesiredEntry, bytes: [UInt8], replacing: Bool
    ) throws(LedgerError) -> Bool {
        try database.run(
            """
            INSERT INTO desired (credential, meter, key, revision, access, entry)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (credential) DO UPDATE SET
                meter = excluded.meter, key = excluded.key, revision = excluded.revision,
                access = excluded.access, entry = excluded.entry
            WHERE excluded.revision > desired.revision
                OR (?7 = 1 AND excluded.revision = desired.revision
                    AND excluded.entry <> desired.entry)
            """,
            [
                .bytes(entry.credential), .text(entry.meter), .text(entry.key),
                .bytes(entry.revision), .text(entry.access.value.rawValue), .blob(bytes),
                .integer(replacing ? 1 : 0),
            ])
        return database.changes > 0
    }

    private func drop(allBut named: Set<UInt64>) throws(LedgerError) -> Bool {
        var held: [UInt64] = []
        try database.query("SELECT credential FROM desired WHERE access = 'open'") { row in
            held.append(row.unsigned(0))
        }
        let extra = held.filter { !named.contains($0) }
        for credential in extra {
            try database.run(
                "DELETE FROM desired WHERE credential = ?1", [.bytes(credential)])
        }
        return !extra.isEmpty
    }
}
