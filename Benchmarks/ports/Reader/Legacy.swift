import Meters
import Netlink

/// What iptables-legacy counts, as the agent reads it.
struct LegacyCounters: ~Copyable, CounterSource {
    private var reader = LegacyReader()

    mutating func read() throws -> (counters: Int, packets: UInt64) {
        let counters = try reader.read().counters
        return (counters.count, counters.reduce(0) { $0 + $1.packets })
    }
}
