import GRDB
import GRDBSQLite

/// A SQLite connection within a transaction. Values are bound on the statement directly, which is
/// twice as fast as through the driver's own arguments.
struct SQLiteSession: Session {
    let connection: GRDB.Database

    @discardableResult
    func execute(_ sql: String, _ values: [SQLValue]) throws -> Int {
        let statement = try connection.cachedStatement(sql: sql).sqliteStatement
        try run(statement, sql, values[...]) { _ in }
        return connection.changesCount
    }

    func execute(_ sql: String, width: Int, rows: [SQLValue]) throws {
        precondition(width > 0 && rows.count.isMultiple(of: width))
        guard !rows.isEmpty else { return }
        let statement = try connection.cachedStatement(sql: sql).sqliteStatement
        for start in stride(from: 0, to: rows.count, by: width) {
            try run(statement, sql, rows[start..<start + width]) { _ in }
        }
    }

    func execute(
        _ sql: String, fixed: [SQLValue], width: Int, integers: [Int64]
    ) throws {
        precondition(width > 0 && integers.count.isMultiple(of: width))
        guard !integers.isEmpty else { return }
        let statement = try connection.cachedStatement(sql: sql).sqliteStatement
        try expect(fixed.count + width, of: statement, sql)
        defer { Self.rest(statement) }
        for (index, value) in fixed.enumerated() {
            try check(Self.bind(value, to: statement, at: CInt(index + 1)), sql)
        }
        let first = CInt(fixed.count + 1)
        for start in stride(from: 0, to: integers.count, by: width) {
            // Only a place that is not there could fail, and they were counted.
            for index in 0..<width {
                sqlite3_bind_int64(statement, first + CInt(index), integers[start + index])
            }
            let code = sqlite3_step(statement)
            guard code == SQLITE_DONE else { throw failure(sql) }
            // What was bound stays bound.
            sqlite3_reset(statement)
        }
    }

    func integers(_ sql: String, _ values: [Int64]) throws -> [Int64] {
        let statement = try connection.cachedStatement(sql: sql).sqliteStatement
        try expect(values.count, of: statement, sql)
        defer { Self.rest(statement) }
        for (index, value) in values.enumerated() {
            sqlite3_bind_int64(statement, CInt(index + 1), value)
        }
        var integers: [Int64] = []
        let columns = sqlite3_column_count(statement)
        while true {
            let code = sqlite3_step(statement)
            if code == SQLITE_DONE { return integers }
            guard code == SQLITE_ROW else { throw failure(sql) }
            for column in 0..<columns { integers.append(sqlite3_column_int64(statement, column)) }
        }
    }

    func query(_ sql: String, _ values: [SQLValue]) throws -> [Row] {
        let statement = try connection.cachedStatement(sql: sql).sqliteStatement
        var rows: [Row] = []
        try run(statement, sql, values[...]) { statement in
            let columns = sqlite3_column_count(statement)
            rows.append(Row(values: (0..<columns).map { Self.value(of: statement, at: $0) }))
        }
        return rows
    }

    func script(_ sql: String) throws {
        try connection.execute(sql: sql)
    }

    private func run(
        _ statement: SQLiteStatement, _ sql: String, _ values: ArraySlice<SQLValue>,
        _ onRow: (SQLiteStatement) -> Void
    ) throws {
        try expect(values.count, of: statement, sql)
        defer { Self.rest(statement) }
        for (index, value) in values.enumerated() {
            try check(Self.bind(value, to: statement, at: CInt(index + 1)), sql)
        }
        while true {
            let code = sqlite3_step(statement)
            if code == SQLITE_DONE { return }
            guard code == SQLITE_ROW else { throw failure(sql) }
            onRow(statement)
        }
    }

    private func expect(_ count: Int, of statement: SQLiteStatement, _ sql: String) throws {
        guard sqlite3_bind_parameter_count(statement) == CInt(count) else {
            throw StoreError(
                .internal, "a statement was given \(count) values: \(sql.prefix(80))")
        }
    }

    private static func rest(_ statement: SQLiteStatement) {
        sqlite3_reset(statement)
        sqlite3_clear_bindings(statement)
    }

    private func check(_ code: CInt, _ sql: String) throws {
        if code != SQLITE_OK { throw failure(sql) }
    }

    private func failure(_ sql: String) -> any Error {
        let error = DatabaseError(
            resultCode: connection.lastErrorCode, message: connection.lastErrorMessage, sql: sql)
        guard error.resultCode == .SQLITE_CONSTRAINT else { return error }
        return StoreError(
            .internal, reason: "constraint", "the store refused a row", cause: error)
    }

    private static func bind(
        _ value: SQLValue, to statement: SQLiteStatement, at index: CInt
    ) -> CInt {
        // SQLITE_TRANSIENT: SQLite copies the bytes before the call returns.
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        switch value {
        case .integer(let value):
            return sqlite3_bind_int64(statement, index, value)
        case .text(var text):
            return text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) {
                    sqlite3_bind_text(statement, index, $0.baseAddress, CInt($0.count), transient)
                }
            }
        case .bytes(let bytes):
            guard !bytes.isEmpty else { return sqlite3_bind_zeroblob(statement, index, 0) }
            return sqlite3_bind_blob(statement, index, bytes, CInt(bytes.count), transient)
        case .null:
            return sqlite3_bind_null(statement, index)
        }
    }

    private static func value(of statement: SQLiteStatement, at column: CInt) -> SQLValue {
        switch sqlite3_column_type(statement, column) {
        case SQLITE_INTEGER:
            return .integer(sqlite3_column_int64(statement, column))
        case SQLITE_TEXT:
            guard let text = sqlite3_column_text(statement, column) else { return .text("") }
            let count = Int(sqlite3_column_bytes(statement, column))
            let bytes = UnsafeBufferPointer(start: text, count: count)
            return .text(String(decoding: bytes, as: UTF8.self))
        case SQLITE_BLOB:
            guard let blob = sqlite3_column_blob(statement, column) else { return .bytes([]) }
            let count = Int(sqlite3_column_bytes(statement, column))
            return .bytes(Array(UnsafeRawBufferPointer(start: blob, count: count)))
        default:
            return .null
        }
    }
}
