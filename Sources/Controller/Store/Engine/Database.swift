/// A store of tables that speaks SQL: what the rest of this module needs of an engine.
///
/// Every statement keeps to what SQLite and PostgreSQL both accept; `$1 … $n` stand in order.
package protocol Database: Sendable {
    /// Runs `body` on a snapshot. No read may outlive 5 seconds.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any Session) throws -> Value
    ) async throws -> Value

    /// Runs `body` in one durable transaction: all of it holds after the return, or none of it.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any Session) throws -> Value
    ) async throws -> Value

    /// Like `write`, and on a full disk from room that is set aside for it: for what is small and must
    /// not wait, a shut above all.
    func writeUrgently<Value: Sendable>(
        _ body: @escaping @Sendable (any Session) throws -> Value
    ) async throws -> Value

    /// Whether an urgent write waits: a long one that can be had in two parts should make room.
    var hasUrgentWrites: Bool { get }

    /// The words in which the engines' table definitions differ.
    var dialect: Dialect { get }
}

/// One connection, for the length of a transaction.
package protocol Session {
    /// Runs a statement and returns how many rows it changed.
    @discardableResult
    func execute(_ sql: String, _ values: [SQLValue]) throws -> Int

    /// Runs a statement once for every `width` values.
    func execute(_ sql: String, width: Int, rows: [SQLValue]) throws

    /// Runs a statement once for every `width` integers, which come behind values that stay the same:
    /// the quickest way to write many rows.
    func execute(_ sql: String, fixed: [SQLValue], width: Int, integers: [Int64]) throws

    /// Runs a query of integers by integers, and returns its rows one behind the other: the quickest
    /// way to read many rows. Whatever is no integer reads as 0.
    func integers(_ sql: String, _ values: [Int64]) throws -> [Int64]

    /// Runs a query, or a statement with RETURNING, and returns its rows.
    func query(_ sql: String, _ values: [SQLValue]) throws -> [Row]

    /// Runs several statements without parameters: table definitions.
    func script(_ sql: String) throws
}

extension Session {
    /// Runs `body` so that its changes alone are undone when it throws.
    package func savepoint<Value>(_ body: () throws -> Value) throws -> Value {
        try execute("SAVEPOINT part", [])
        do {
            let value = try body()
            try execute("RELEASE SAVEPOINT part", [])
            return value
        } catch {
            try execute("ROLLBACK TO SAVEPOINT part", [])
            try execute("RELEASE SAVEPOINT part", [])
            throw error
        }
    }

    /// The first row of a query; nil where there is none.
    package func first(_ sql: String, _ values: [SQLValue]) throws -> Row? {
        try query(sql, values).first
    }

    /// Runs a query whose text ends in `IN (…)` for any number of values, in chunks of equal
    /// size, so that few statements need to be prepared.
    ///
    /// `sql` makes the text from the list of placeholders; `fixed` come before the list.
    package func query(
        fixed: [SQLValue] = [], in values: [SQLValue], _ sql: (String) -> String
    ) throws -> [Row] {
        var rows: [Row] = []
        for chunk in Chunks(values, behind: fixed) {
            rows += try query(sql(chunk.places), chunk.values)
        }
        return rows
    }

    /// The same for a query of integers by integers.
    package func integers(
        fixed: [Int64] = [], in values: [Int64], _ sql: (String) -> String
    ) throws -> [Int64] {
        var rows: [Int64] = []
        for chunk in Chunks(values, behind: fixed) {
            rows += try integers(sql(chunk.places), chunk.values)
        }
        return rows
    }
}

/// Values for `IN (…)` in chunks of two sizes, each filled up with its last one.
private struct Chunks<Value>: Sequence, IteratorProtocol {
    private let values: [Value]
    private let fixed: [Value]
    private var start = 0

    init(_ values: [Value], behind fixed: [Value]) {
        (self.values, self.fixed) = (values, fixed)
    }

    mutating func next() -> (places: String, values: [Value])? {
        guard start < values.count else { return nil }
        let width = values.count - start > 16 ? 256 : 16
        let chunk = values[start..<Swift.min(start + width, values.count)]
        start += width
        let padding = repeatElement(chunk[chunk.endIndex - 1], count: width - chunk.count)
        return (Places.list(width, behind: fixed.count), fixed + chunk + padding)
    }
}

/// Lists of placeholders, such as `$2, $3, $4`.
private enum Places {
    private static let usual = [16, 256].map { width in (0...1).map { make(width, behind: $0) } }

    static func list(_ width: Int, behind fixed: Int) -> String {
        fixed < 2 ? usual[width == 16 ? 0 : 1][fixed] : make(width, behind: fixed)
    }

    private static func make(_ width: Int, behind fixed: Int) -> String {
        (1...width).map { "$\(fixed + $0)" }.joined(separator: ", ")
    }
}

/// The words in which the engines' table definitions differ.
package struct Dialect: Sendable {
    /// The type of an id that the engine gives and never gives again.
    package let id: String
    /// What clusters a table by its primary key; empty where the engine cannot.
    package let clustered: String

    /// SQLite 3.40 and later.
    package static let sqlite = Dialect(
        id: "INTEGER PRIMARY KEY AUTOINCREMENT", clustered: "WITHOUT ROWID")
}
