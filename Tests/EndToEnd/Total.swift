import API
import TestSupport

/// Bytes of one key from the client's side, what was found at first included.
struct Total: Hashable {
    var sent: Int64
    var received: Int64

    static func + (left: Total, right: Total) -> Total {
        Total(sent: left.sent + right.sent, received: left.received + right.received)
    }
}

extension Fleet {
    /// What the controller has booked for each key.
    func totals() throws -> [String: Total] {
        var totals: [String: Total] = [:]
        for credential in try credentials() {
            totals[credential.key] = Total(
                sent: credential.bytesSent + credential.baselineSent,
                received: credential.bytesReceived + credential.baselineReceived)
        }
        return totals
    }
}

extension Tunnel {
    /// What WireGuard itself counts for each key, as `wg show INTERFACE transfer` says.
    func truth() throws -> [String: Total] {
        try transfer().mapValues { transfer in
            Total(sent: Int64(transfer.received), received: Int64(transfer.sent))
        }
    }
}
