import Accounting
import Meters
import Netlink

/// What the agent's own table counts, as the agent reads it.
struct OwnCounters: ~Copyable, CounterSource {
    private let table: OwnTable

    /// Takes the table as it is for what is wanted, so that its keys are known.
    init() throws {
        let opened = try OwnTable.open()
        try opened.apply(OwnContent(counted: Set(try opened.read().map(\.key))))
        table = opened
    }

    mutating func read() throws -> (counters: Int, packets: UInt64) {
        let counters = try table.read()
        return (counters.count, counters.reduce(0) { $0 + $1.packets })
    }
}
