internal import CMnl
internal import Glibc

/// Waits until somebody removes something from one table of nftables, on a thread of its own.
package final class TableMonitor: Sendable {
    /// Something of the table was removed, or more happened than the kernel could tell. For one
    /// consumer, until the monitor is closed.
    package var events: AsyncStream<Void> { monitor.events }
    private let monitor: EventMonitor<Void>

    /// The group of changes of nftables (`NFNLGRP_NFTABLES`), as a mask.
    private static let group: UInt32 = 1 << 6

    /// Begins to listen for what is removed from `table`: nothing that happens after this returns is
    /// overlooked.
    package static func open(
        table: String, in namespace: NetworkNamespace = .current
    ) throws(NetlinkError) -> TableMonitor {
        let socket = try NetlinkSocket.open(.netfilter, in: namespace, groups: group)
        return TableMonitor(
            try EventMonitor.open(socket) { socket in
                let isHit = try? socket.receive("listen for changes of nftables") {
                    (bytes) throws(NetlinkError) in try hasLost(table, bytes)
                }
                return isHit ?? true ? [()] : []
            })
    }

    private init(_ monitor: EventMonitor<Void>) {
        self.monitor = monitor
    }

    /// Ends the thread, the socket and the stream of events. May be called twice.
    package func close() {
        monitor.close()
    }

    /// `NFT_MSG_DELTABLE`, `DELCHAIN`, `DELRULE`, `DELSET` and `DELSETELEM` behind the subsystem's
    /// number, 10.
    private static let removals: Set<UInt16> = [0x0a02, 0x0a05, 0x0a08, 0x0a0b, 0x0a0e]

    /// Whether a datagram tells that something was removed from `table`. The first attribute of each
    /// of these messages is the table's name.
    static func hasLost(_ table: String, _ bytes: RawSpan) throws(NetlinkError) -> Bool {
        var walk = MessageWalk()
        while let message = try walk.next(in: bytes) {
            guard removals.contains(message.type) else { continue }
            let payload = bytes.extracting(message.payload)
            // struct nfgenmsg stands before the attributes.
            var attributes = AttributeWalk(payload, from: 4)
            while let attribute = try attributes.next(in: payload) {
                guard attribute.type == 1 else { continue }
                if try attribute.text(in: payload) == table { return true }
            }
        }
        return false
    }
}
