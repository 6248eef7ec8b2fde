/// A value that is bound to a statement or read from a row.
package enum SQLValue: Hashable, Sendable {
    case integer(Int64)
    case text(String)
    case bytes([UInt8])
    /// Only ever read, from an aggregate or an outer join that found nothing.
    case null
}

extension SQLValue: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int64) { self = .integer(value) }
}

extension SQLValue: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) { self = .text(value) }
}

extension SQLValue {
    /// A truth as 0 or 1, which both engines keep in an integer column.
    static func flag(_ value: Bool) -> SQLValue { .integer(value ? 1 : 0) }

    /// A number that fits; what does not is cut to the largest, never wrapped.
    static func clamped(_ value: UInt64) -> SQLValue {
        .integer(Int64(clamping: value))
    }
}

/// One row of a query's answer.
package struct Row: Hashable, Sendable {
    /// The values, in the order of the query's columns.
    package let values: [SQLValue]

    /// The integer in a column; 0 where it holds none.
    package func integer(_ column: Int) -> Int64 {
        if case .integer(let value) = values[column] { value } else { 0 }
    }

    /// The integer in a column, as a count.
    package func count(_ column: Int) -> Int { Int(integer(column)) }

    /// Whether a column holds something other than 0.
    package func flag(_ column: Int) -> Bool { integer(column) != 0 }

    /// The text in a column; empty where it holds none.
    package func text(_ column: Int) -> String {
        if case .text(let value) = values[column] { value } else { "" }
    }

    /// The bytes in a column; empty where it holds none.
    package func bytes(_ column: Int) -> [UInt8] {
        if case .bytes(let value) = values[column] { value } else { [] }
    }
}
