internal import Netlink

/// The rules of iptables-legacy and ip6tables-legacy in one namespace.
final class LegacyRules: FilterSource {
    private var reader: LegacyReader

    init(in namespace: NetworkNamespace) {
        reader = LegacyReader(in: namespace)
    }

    func read() throws(MeterError) -> (counters: [FilterCounter], shape: UInt64) {
        let reading = try reader.read()
        return (reading.counters, reading.shape)
    }
}
