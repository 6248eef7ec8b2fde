import CSQLite
import Glibc

/// A value that goes into a statement or comes out of a row.
enum Value: Hashable {
    case integer(Int64)
    case text(String)
    case blob([UInt8])
}

/// A SQLite database on libsqlite3's C interface, used from one thread at a time.
///
/// Every transaction is durable when it returns (synchronous FULL), and statements are compiled
/// once.
final class Database {
    private let handle: OpaquePointer
    private let path: String
    private var statements: [String: Statement] = [:]
    /// Those that are run for many rows, by where their text stands in the program.
    private var bulkStatements: [UnsafePointer<UInt8>: Statement] = [:]
    /// What the next transaction does first: nothing is durable before it is.
    private(set) var due: ((Database) throws(LedgerError) -> Void)?

    /// Opens or makes the database at `path`, readable by its owner alone; `:memory:` keeps it in
    /// memory.
    init(path: String) throws(LedgerError) {
        if path != ":memory:" {
            let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else {
                let reason = String(cString: strerror(errno))
                throw LedgerError(.failed, doing: "open the ledger \(path)", reason: reason)
            }
            close(descriptor)
        }
        self.path = path
        var handle = try Self.connect(path)
        // Its WAL needs shared memory, which is a file: on a full disk there is no room for it. Where
        // nobody else may open the ledger meanwhile, it does without.
        let probe = sqlite3_exec(handle, "PRAGMA user_version", nil, nil, nil)
        if probe == Self.noRoomForSharedMemory {
            sqlite3_close_v2(handle)
            handle = try Self.connect(path)
            sqlite3_exec(handle, "PRAGMA locking_mode = EXCLUSIVE", nil, nil, nil)
        }
        self.handle = handle
    }

    /// `SQLITE_IOERR_SHMSIZE`, a macro that Swift does not see.
    private static let noRoomForSharedMemory = SQLITE_IOERR | 19 << 8

    private static func connect(_ path: String) throws(LedgerError) -> OpaquePointer {
        var handle: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        let result = sqlite3_open_v2(path, &handle, flags, nil)
        guard result == SQLITE_OK, let handle else {
            let error = error(result, handle, doing: "open the ledger \(path)")
            sqlite3_close_v2(handle)
            throw error
        }
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, 5_000)
        return handle
    }

    deinit {
        (statements, bulkStatements) = ([:], [:])
        sqlite3_close_v2(handle)
    }

    /// Runs statements that take no values.
    func execute(_ script: String) throws(LedgerError) {
        let result = sqlite3_exec(handle, script, nil, nil, nil)
        guard result == SQLITE_OK else { throw error(result, doing: "write the ledger \(path)") }
    }

    /// Runs one statement with values and returns the row id of the last insertion.
    @discardableResult
    func run(_ sql: String, _ values: [Value] = []) throws(LedgerError) -> Int64 {
        try query(sql, values) { _ in }
        return sqlite3_last_insert_rowid(handle)
    }

    /// Runs one statement for one of many rows, its values whole numbers: nothing is allocated.
    func run<let count: Int>(
        _ sql: StaticString, _ values: InlineArray<count, Int64>
    ) throws(LedgerError) {
        let statement = try prepare(sql)
        defer { sqlite3_reset(statement.handle) }
        for index in values.indices {
            sqlite3_bind_int64(statement.handle, Int32(index + 1), values[index])
        }
        let result = sqlite3_step(statement.handle)
        guard result == SQLITE_DONE else { throw error(result, doing: "write the ledger \(path)") }
    }

    /// How many rows the last statement changed.
    var changes: Int { Int(sqlite3_changes(handle)) }

    /// Runs one statement and hands over each row of its result.
    func query(
        _ sql: String, _ values: [Value] = [], _ body: (borrowing Row) throws(LedgerError) -> Void
    ) throws(LedgerError) {
        let statement = try prepare(sql)
        defer { statement.reset() }
        try statement.bind(values, doing: "write the ledger \(path)")
        while true {
            switch sqlite3_step(statement.handle) {
            case SQLITE_ROW: try body(Row(statement: statement.handle))
            case SQLITE_DONE: return
            case let result: throw error(result, doing: "write the ledger \(path)")
            }
        }
    }

    /// Does `body` in one transaction: all of it is durable when this returns, or none of it.
    func transaction<Result>(
        _ body: () throws(LedgerError) -> Result
    ) throws(LedgerError) -> Result {
        try execute("BEGIN IMMEDIATE")
        do {
            try due?(self)
            let result = try body()
            try execute("COMMIT")
            due = nil
            return result
        } catch {
            // A failed COMMIT may have ended the transaction already; then this changes nothing.
            sqlite3_exec(handle, "ROLLBACK", nil, nil, nil)
            throw error
        }
    }

    /// Puts `first` before whatever is written next, and tries it at once. Where the disk is full it
    /// stays due.
    func write(first: @escaping (Database) throws(LedgerError) -> Void) throws(LedgerError) {
        due = first
        do {
            try transaction { () throws(LedgerError) in }
        } catch  where error.code == .full {}
    }

    private func prepare(_ sql: String) throws(LedgerError) -> Statement {
        if let statement = statements[sql] { return statement }
        var pointer: OpaquePointer?
        let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
        let result = sqlite3_prepare_v3(handle, sql, -1, flags, &pointer, nil)
        guard result == SQLITE_OK, let pointer else {
            throw error(result, doing: "read the ledger \(path)")
        }
        let statement = Statement(handle: pointer)
        statements[sql] = statement
        return statement
    }

    private func prepare(_ sql: StaticString) throws(LedgerError) -> Statement {
        if let statement = bulkStatements[sql.utf8Start] { return statement }
        let statement = try prepare("\(sql)")
        bulkStatements[sql.utf8Start] = statement
        return statement
    }

    private func error(_ result: Int32, doing: String) -> LedgerError {
        Self.error(result, handle, doing: doing)
    }

    private static func error(
        _ result: Int32, _ handle: OpaquePointer?, doing: String
    ) -> LedgerError {
        let words = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "no memory"
        if result & 0xff == SQLITE_FULL || result == noRoomForSharedMemory {
            return LedgerError(.full, doing: doing, reason: "its disk is full; free space there")
        }
        let code: LedgerError.Code =
            switch result & 0xff {
            case SQLITE_CORRUPT, SQLITE_NOTADB: .damaged
            default: .failed
            }
        return LedgerError(code, doing: doing, reason: words)
    }
}

/// A compiled statement.
private final class Statement {
    let handle: OpaquePointer

    init(handle: OpaquePointer) {
        self.handle = handle
    }

    deinit {
        sqlite3_finalize(handle)
    }

    func reset() {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    func bind(_ values: [Value], doing: String) throws(LedgerError) {
        for (index, value) in values.enumerated() {
            let position = Int32(index + 1)
            let result =
                switch value {
                case .integer(let number): sqlite3_bind_int64(handle, position, number)
                case .text(let text):
                    sqlite3_bind_text(
                        handle, position, text, Int32(text.utf8.count), tk_sqlite_transient())
                case .blob(let bytes):
                    sqlite3_bind_blob64(
                        handle, position, bytes, UInt64(bytes.count), tk_sqlite_transient())
                }
            guard result == SQLITE_OK else {
                throw LedgerError(
                    .failed, doing: doing, reason: String(cString: sqlite3_errstr(result)))
            }
        }
    }
}

/// One row of a result, valid until the next.
struct Row: ~Copyable {
    fileprivate let statement: OpaquePointer

    func integer(_ column: Int32) -> Int64 {
        sqlite3_column_int64(statement, column)
    }

    /// A column that the schema keeps at or above zero.
    func unsigned(_ column: Int32) -> UInt64 {
        UInt64(clamping: integer(column))
    }

    func text(_ column: Int32) -> String {
        sqlite3_column_text(statement, column).map { String(cString: $0) } ?? ""
    }

    func blob(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(statement, column) else { return [] }
        let count = Int(sqlite3_column_bytes(statement, column))
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }
}
