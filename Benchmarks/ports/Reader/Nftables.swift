import Meters
import Netlink

/// What nftables counts, as the agent reads it.
struct NftablesCounters: ~Copyable, CounterSource {
    private var reader: NftablesReader

    init() throws {
        reader = try NftablesReader.open()
    }

    mutating func read() throws -> (counters: Int, packets: UInt64) {
        let counters = try reader.read().counters
        return (counters.count, counters.reduce(0) { $0 + $1.packets })
    }
}
