import API
import Foundation
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

extension Fleet {
    /// What is held back of a client, because several explanations fit.
    func held(of client: TunnelClient) throws -> Total {
        let credential = try credentials().first { $0.key == client.keys.publicKey }
        return Total(
            sent: credential?.heldSent ?? 0, received: credential?.heldReceived ?? 0)
    }

    /// What the host's devices carried in the last hours, and what was charged of it.
    func drift() throws -> (charged: Total, observed: Total) {
        let text = try tollkeeper("server", "drift", "host")
        let rows = try JSONDecoder().decode(DriftAnswer.self, from: Data(text.utf8)).drift
        let none = Total(sent: 0, received: 0)
        return rows.reduce((none, none)) { sum, row in
            (
                sum.0 + Total(sent: row.chargedSent, received: row.chargedReceived),
                sum.1
                    + Total(sent: row.observedSent ?? 0, received: row.observedReceived ?? 0)
            )
        }
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
