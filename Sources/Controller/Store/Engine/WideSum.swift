/// A sum over a column of 64-bit amounts that cannot overflow inside the engine: SQLite fails a
/// whole query when SUM passes 2^63, and one agent's nonsense must not blind the operator.
enum WideSum {
    /// Two columns: the sum of the upper and the sum of the lower 32 bits.
    static func columns(_ name: String) -> String {
        """
        CAST(COALESCE(SUM(\(name) / 4294967296), 0) AS BIGINT), \
        CAST(COALESCE(SUM(\(name) % 4294967296), 0) AS BIGINT)
        """
    }

    /// The sum from its two columns, at most 2^63 − 1.
    static func value(_ row: Row, at column: Int) -> Int64 {
        let (high, low) = (row.integer(column), row.integer(column + 1))
        let shifted = high.multipliedReportingOverflow(by: 4_294_967_296)
        let sum = shifted.partialValue.addingReportingOverflow(low)
        return shifted.overflow || sum.overflow ? .max : sum.partialValue
    }
}

extension Int64 {
    /// The sum of two amounts, at most 2^63 − 1.
    func addingClamped(_ other: Int64) -> Int64 {
        let sum = addingReportingOverflow(other)
        return sum.overflow ? .max : sum.partialValue
    }
}
