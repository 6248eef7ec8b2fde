import Accounting

/// A stretch of time by a host's clocks.
struct Stretch: Hashable {
    var first: Instant
    var last: Instant
}

extension Stretch {
    /// Its columns in the tables that have one.
    static let columns =
        "first_boot, first_wall, first_boottime, last_boot, last_wall, last_boottime"

    /// Reads a stretch from six columns; nil where they name no boot.
    init?(_ row: borrowing Row, from column: Int32) {
        guard let first = Instant(row, from: column), let last = Instant(row, from: column + 3)
        else { return nil }
        self.init(first: first, last: last)
    }

    /// The values of its columns.
    var values: [Value] { first.values + last.values }
}

extension Instant {
    /// Boot, wall clock and boot clock, as columns.
    var values: [Value] {
        [.text(boot.description), .integer(wall), .bytes(boottime)]
    }

    fileprivate init?(_ row: borrowing Row, from column: Int32) {
        guard let boot = BootID(row.text(column)) else { return nil }
        self.init(wall: row.integer(column + 1), boot: boot, boottime: row.unsigned(column + 2))
    }
}
