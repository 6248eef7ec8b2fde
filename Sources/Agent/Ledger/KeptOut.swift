public import Accounting

/// A key that this agent keeps out, and what it takes to let it in again.
public struct KeptOutKey: Sendable {
    /// The key's meter.
    public var meter: MeterName
    /// The key.
    public var key: Key
    /// Whether it has been taken out of the source; false: it is blocked and still counted.
    public var isRemoved: Bool
    /// The settings as the caller encoded them. Secret.
    public var settings: [UInt8]

    /// Makes a value.
    public init(meter: MeterName, key: Key, isRemoved: Bool, settings: [UInt8]) {
        self.meter = meter
        self.key = key
        self.isRemoved = isRemoved
        self.settings = settings
    }
}

extension Ledger {
    /// Every key that this agent keeps out.
    public func keptOut() throws(LedgerError) -> [KeptOutKey] {
        try Self.keptOut(in: database)
    }

    /// Every key that the agent of the ledger at `path` keeps out.
    public static func keptOut(at path: String) throws(LedgerError) -> [KeptOutKey] {
        try keptOut(in: try Database(path: path))
    }

    private static func keptOut(in database: Database) throws(LedgerError) -> [KeptOutKey] {
        var keys: [KeptOutKey] = []
        try database.query("SELECT meter, key, removed, settings FROM kept_out") { row in
            guard let meter = MeterName(row.text(0)), let key = Key(row.text(1), of: meter.kind)
            else { return }
            keys.append(
                KeptOutKey(
                    meter: meter, key: key, isRemoved: row.integer(2) == 1,
                    settings: row.blob(3)))
        }
        return keys
    }

    /// Notes down how keys were before they are touched, or how far their cut has come.
    public func keepOut(_ keys: [KeptOutKey]) throws(LedgerError) {
        try database.transaction { () throws(LedgerError) in
            for key in keys { try write(key) }
        }
    }

    func write(_ key: KeptOutKey) throws(LedgerError) {
        try database.run(
            """
            INSERT INTO kept_out (meter, key, removed, settings) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (meter, key) DO UPDATE SET
                removed = excluded.removed, settings = excluded.settings
            """,
            [
                .text(key.meter.description), .text(key.key.description),
                .integer(key.isRemoved ? 1 : 0), .blob(key.settings),
            ])
    }

    /// Forgets keys that were let in again.
    public func letIn(_ keys: [Key], at meter: MeterName) throws(LedgerError) {
        try database.transaction { () throws(LedgerError) in
            for key in keys {
                try database.run(
                    "DELETE FROM kept_out WHERE meter = ?1 AND key = ?2",
                    [.text(meter.description), .text(key.description)])
            }
        }
    }
}
