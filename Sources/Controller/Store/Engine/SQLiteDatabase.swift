import GRDB

/// The embedded store: one SQLite file in WAL mode with synchronous FULL.
///
/// One connection writes and checkpoints; the readers never checkpoint, because SQLite before
/// 3.51.3 can corrupt a file when a checkpoint on a second connection races a commit.
struct SQLiteDatabase: Database {
    let dialect = Dialect.sqlite
    private let pool: DatabasePool
    private let readLimit: ReadLimit

    /// Opens the file, or makes it with mode 0600; a damaged or foreign one is refused untouched.
    static func open(
        path: String, readLimit: Duration = .seconds(5)
    ) throws -> SQLiteDatabase {
        try SQLiteFile.prepare(path)
        do {
            try SQLiteFile.inspect(path)
            return try SQLiteDatabase(path: path, readLimit: ReadLimit(limit: readLimit))
        } catch let error as DatabaseError {
            throw SQLiteFile.refusal(path, error)
        }
    }

    private init(path: String, readLimit: ReadLimit) throws {
        self.readLimit = readLimit
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.maximumReaderCount = 4
        configuration.foreignKeysEnabled = true
        configuration.label = "store"
        pool = try DatabasePool(path: path, configuration: configuration)
        // The pool itself sets NORMAL, so FULL comes after it.
        try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any Session) throws -> Value
    ) async throws -> Value {
        try await naming {
            try await pool.read { [readLimit] connection in
                try readLimit.within(connection) {
                    try body(SQLiteSession(connection: connection))
                }
            }
        }
    }

    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any Session) throws -> Value
    ) async throws -> Value {
        try await naming { try await pool.write { try body(SQLiteSession(connection: $0)) } }
    }

    private func naming<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as DatabaseError {
            throw SQLiteFile.failure(pool.path, error)
        }
    }
}
