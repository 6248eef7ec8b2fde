import Accounting
import AgentProtocol

/// The agent's durable journal: baselines, deltas not yet acknowledged, desired state and the
/// settings of keys that are kept out.
///
/// Each method is one transaction, durable when it returns. Used from one thread at a time.
public final class Ledger {
    let database: Database
    /// Which ledger this is: 16 random bytes as 32 hexadecimal digits.
    public let id: String
    /// How often this ledger has been started, this time included; goes up by one each time.
    public let start: UInt64
    /// 16 random bytes as hexadecimal digits, new at each start: tells clones apart.
    public let instance: String

    var meters: [MeterName: MeterBook] = [:]
    var incarnations: [Incarnation: Int64] = [:]
    var bucket: OpenBucket?
    /// The open bucket when the spool was measured last, and merges that were planned then, the
    /// next one last; -1: it was not measured yet.
    var measuredBucket: Int64? = -1
    var merges: [MergePlan.Step] = []
    /// The hours whose totals are kept, in the order in which they passed; the last goes on.
    var hours: [Hour] = []
    /// How far the numbered order has come.
    var chain = Chain()
    /// Whether what the controller knows of the server's counters has been taken over.
    var hasBegun = false
    /// When the ledger before this one took its last reading that the controller booked.
    var lastReading: Instant?
    /// The newest desired state, and the digest over its entries as they stand here.
    var desiredRevision: UInt64 = 0
    var desiredDigest = SetDigest()
    /// What the last look at this host covered, if it saw and read everything; else empty.
    public private(set) var discoveryScope = ""

    private init(database: Database, id: String, start: UInt64, instance: String) {
        self.database = database
        self.id = id
        self.start = start
        self.instance = instance
    }

    /// Opens the ledger at `path`, makes it where there is none, and notes the start down.
    ///
    /// On a full disk a ledger that is there opens all the same, not yet started: see `isStarted`.
    ///
    /// - Parameters:
    ///   - path: the file, or `:memory:`.
    ///   - id: the ledger's id, for one that is made now; one that exists must have it.
    ///   - instance: 16 random bytes as hexadecimal digits.
    public static func open(
        path: String, id: String, instance: String
    ) throws(LedgerError) -> Ledger {
        let database = try Database(path: path)
        do {
            try database.execute(
                """
                PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
                PRAGMA cache_size = -2000;
                """)
            try check(database, path: path)
            try migrate(database, path: path)
        } catch  where error.code == .damaged {
            throw damaged(path, error.reason)
        }
        let start = try begin(database, id: id, instance: instance, path: path)
        let ledger = Ledger(database: database, id: id, start: start, instance: instance)
        try ledger.load()
        ledger.discoveryScope = try database.fact("discovery_scope") ?? ""
        return ledger
    }

    /// Whether this start is noted down. Until it is, the disk is full: what the ledger holds can be
    /// read, and the first transaction that succeeds notes the start down, too. Before that nobody
    /// may be told of it, since the next start would have the same number.
    public var isStarted: Bool { database.due == nil }

    /// Tries again to note this start down; throws where that still cannot be done.
    public func noteStart() throws(LedgerError) {
        guard !isStarted else { return }
        try database.transaction { () throws(LedgerError) in }
    }

    /// Notes down what a look at this host covered; empty: something could not be seen or read.
    public func noteDiscovery(scope: String) throws(LedgerError) {
        guard scope != discoveryScope else { return }
        try database.transaction { () throws(LedgerError) in
            try database.setFact("discovery_scope", scope)
        }
        discoveryScope = scope
    }

    /// The id of the ledger at `path`; nil where there is no ledger or it has none yet.
    public static func id(at path: String) throws(LedgerError) -> String? {
        do {
            let database = try Database(path: path)
            var version: Int64 = 0
            try database.query("PRAGMA user_version") { row in version = row.integer(0) }
            return version == 0 ? nil : try database.fact("ledger")
        } catch  where error.code == .damaged {
            throw damaged(path, error.reason)
        }
    }

    private static func damaged(_ path: String, _ reason: String) -> LedgerError {
        LedgerError(
            .damaged, doing: "open the ledger \(path)",
            reason: "it is damaged (\(reason)) and was left as it is; restore it from a copy, or "
                + "move it away and join this host again")
    }

    private static func check(_ database: Database, path: String) throws(LedgerError) {
        var findings: [String] = []
        try database.query("PRAGMA quick_check(1)") { row in findings.append(row.text(0)) }
        guard findings == ["ok"] else {
            throw LedgerError(
                .damaged, doing: "check the ledger \(path)",
                reason: findings.first ?? "no answer")
        }
    }

    private static func migrate(_ database: Database, path: String) throws(LedgerError) {
        var version = 0
        try database.query("PRAGMA user_version") { row in version = Int(row.integer(0)) }
        guard version <= Schema.steps.count else {
            throw LedgerError(
                .newer, doing: "open the ledger \(path)",
                reason: "a newer tollkeeper-agent wrote it; install that version again")
        }
        for (index, step) in Schema.steps.enumerated().dropFirst(version) {
            try database.transaction { () throws(LedgerError) in
                try database.execute(step)
                try database.execute("PRAGMA user_version = \(index + 1)")
            }
        }
    }

    private static func begin(
        _ database: Database, id: String, instance: String, path: String
    ) throws(LedgerError) -> UInt64 {
        if let known = try database.fact("ledger"), known != id {
            throw LedgerError(
                .conflict, doing: "open the ledger \(path)",
                reason: "it is ledger \(known), but this host joined with ledger \(id)")
        }
        let start = (UInt64(try database.fact("start") ?? "0") ?? 0) + 1
        try database.write { (database) throws(LedgerError) in
            try database.setFact("ledger", id)
            try database.setFact("start", String(start))
            try database.setFact("instance", instance)
        }
        return start
    }
}

extension Database {
    /// A fact that was noted down under `name`; nil for none.
    func fact(_ name: String) throws(LedgerError) -> String? {
        var value: String?
        try query("SELECT value FROM fact WHERE name = ?1", [.text(name)]) { row in
            value = row.text(0)
        }
        return value
    }

    /// Notes a fact down in place of an older one.
    func setFact(_ name: String, _ value: String) throws(LedgerError) {
        try run(
            """
            INSERT INTO fact (name, value) VALUES (?1, ?2)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value
            """,
            [.text(name), .text(value)])
    }
}
