import GRDB
import Synchronization

/// The embedded store: one SQLite file in WAL mode with synchronous FULL.
///
/// One connection writes and checkpoints; the readers never checkpoint, because SQLite before
/// 3.51.3 can corrupt a file when a checkpoint on a second connection races a commit.
struct SQLiteDatabase: Database {
    let dialect = Dialect.sqlite
    private let pool: DatabasePool
    private let readLimit: ReadLimit
    private let reserve: Reserve
    private let readers = Readers(limit: Self.mostReaders)
    private let urgent = UrgentWrites()

    private static let mostReaders = 4

    /// Opens the file, or makes it with mode 0600; a damaged or foreign one is refused untouched.
    ///
    /// `reserve` bytes of its disk are set aside for urgent writes.
    static func open(
        path: String, readLimit: Duration = .seconds(5), reserve: Int = Reserve.usual
    ) throws -> SQLiteDatabase {
        try SQLiteFile.prepare(path)
        let reserve = Reserve(ofStore: path, size: reserve)
        do {
            let database = try open(path, ReadLimit(limit: readLimit), reserve)
            reserve.fill()
            return database
        } catch let error as DatabaseError {
            throw SQLiteFile.openingFailure(path, error)
        }
    }

    private static func open(
        _ path: String, _ readLimit: ReadLimit, _ reserve: Reserve
    ) throws -> SQLiteDatabase {
        let open = { () throws in
            try SQLiteFile.inspect(path)
            return try SQLiteDatabase(path: path, readLimit, reserve)
        }
        do {
            return try open()
        } catch let error as DatabaseError where SQLiteFile.lacksRoom(error) {
            // Opening takes some room itself: the index of the journal is a file.
            return try reserve.spend(open)
        }
    }

    private init(path: String, _ readLimit: ReadLimit, _ reserve: Reserve) throws {
        self.readLimit = readLimit
        self.reserve = reserve
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.maximumReaderCount = Self.mostReaders
        configuration.foreignKeysEnabled = true
        configuration.label = "store"
        pool = try DatabasePool(path: path, configuration: configuration)
        // The pool itself sets NORMAL, so FULL comes after it.
        try pool.writeWithoutTransaction {
            for setting in IngestStatements.settings { try $0.execute(sql: "PRAGMA \(setting)") }
        }
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any Session) throws -> Value
    ) async throws -> Value {
        try await naming {
            // The driver's own asynchronous read goes over twice as many threads.
            try await readers.run { [pool, readLimit] in
                try pool.read { connection in
                    try readLimit.within(connection) {
                        try body(SQLiteSession(connection: connection))
                    }
                }
            }
        }
    }

    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any Session) throws -> Value
    ) async throws -> Value {
        try await naming {
            let value = try await pool.write { try body(SQLiteSession(connection: $0)) }
            reserve.fill()
            return value
        }
    }

    func writeUrgently<Value: Sendable>(
        _ body: @escaping @Sendable (any Session) throws -> Value
    ) async throws -> Value {
        urgent.count.add(1, ordering: .relaxed)
        defer { urgent.count.subtract(1, ordering: .relaxed) }
        return try await naming {
            do {
                return try await pool.write { try body(SQLiteSession(connection: $0)) }
            } catch let error as DatabaseError where SQLiteFile.lacksRoom(error) {
                return try await pool.writeWithoutTransaction { [reserve] connection in
                    try reserve.spend { try Self.transact(connection, body) }
                }
            }
        }
    }

    var hasUrgentWrites: Bool { urgent.count.load(ordering: .relaxed) > 0 }

    private static func transact<Value>(
        _ connection: GRDB.Database, _ body: (any Session) throws -> Value
    ) throws -> Value {
        var value: Value?
        try connection.inTransaction(.immediate) {
            value = try body(SQLiteSession(connection: connection))
            return .commit
        }
        guard let value else { throw StoreError(.internal, "a transaction did nothing") }
        return value
    }

    private func naming<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as DatabaseError {
            throw SQLiteFile.failure(pool.path, error)
        }
    }
}

/// How many urgent writes wait or are under way.
private final class UrgentWrites: Sendable {
    let count = Atomic(0)
}
