internal import Glibc
internal import Netlink

/// The rules of nftables in one namespace, those of iptables-nft among them.
final class NftablesSource: FilterSource {
    private var reader: NftablesReader
    /// The namespace's cookie, never reused within a boot.
    var namespaceCookie: UInt64 { reader.namespaceCookie }

    /// Opens nftables of `namespace`.
    init(in namespace: NetworkNamespace) throws(NetlinkError) {
        reader = try NftablesReader.open(in: namespace)
    }

    /// Every counter; none where the kernel has no nftables.
    func read() throws(MeterError) -> (counters: [FilterCounter], shape: UInt64) {
        let doing = "read the rules of nftables"
        do throws(NetlinkError) {
            let reading = try reader.read()
            guard reading.isWhole else {
                throw NetlinkError(
                    .interrupted, doing: doing,
                    reason: "they changed while they were read, again and again")
            }
            return (reading.counters, reading.shape)
        } catch {
            // The module is not there, or not this namespace's.
            if [EOPNOTSUPP, EPROTONOSUPPORT, EINVAL].contains(error.errno) {
                return ([], 0)
            }
            throw MeterError(error, doing: doing)
        }
    }
}
