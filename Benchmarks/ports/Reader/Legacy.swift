import Meters
import Netlink

/// What iptables-legacy counts, as the agent reads it.
struct LegacyCounters: ~Copyable, CounterSource {
    private var reader = LegacyReader()

    mutating func read() throws -> (counters: Int, packets: UInt64) {
        let counters = try reader.read().counters
        var packets: UInt64 = 0
        for index in counters.indices { packets += counters[index].packets }
        return (counters.count, packets)
    }
}
