internal import Netlink

/// The rules of iptables-legacy and ip6tables-legacy in one namespace.
final class LegacyRules: FilterSource {
    private var reader: LegacyReader

    init(in namespace: NetworkNamespace) {
        reader = LegacyReader(in: namespace)
    }

    func read() throws(MeterError) -> [FilterCounter] { try reader.read().counters }
}
