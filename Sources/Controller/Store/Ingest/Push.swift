package import AgentProtocol
import SwiftProtobuf

/// What the controller holds after a push.
package struct PushReceipt: Hashable, Sendable {
    /// The highest sequence that was applied of the ledger.
    package var applied: Int64
    /// SHA-256 of that batch; empty for none yet.
    package var appliedDigest: [UInt8]
    /// The newest desired state of the server.
    package var revision: Int64
    /// The newest reading ticket that was answered.
    package var ticketAnswered: Int64
    /// Whether a batch was not applied because it names credentials that the store does not have of
    /// this server, as after a restore: it must be told of every key.
    package var wantsKeys = false
    /// Whether openings that had waited for this server's usage were made.
    package var hasOpened = false
}

/// A push whose batches have been read, ready for a transaction.
struct DecodedPush: Sendable {
    let call: AgentCall
    let correction: ClockCorrection
    let batches: [DecodedBatch]

    /// How many rows its batches have.
    var rows: Int { batches.reduce(0) { $0 + $1.batch.rows.credential.count } }
}

/// A batch, and the digest of the bytes that it came as.
struct DecodedBatch: Sendable {
    let batch: WireBatch
    let digest: [UInt8]
    let bytes: [UInt8]
}

extension Store {
    /// Books an agent's batches, in order, and returns what is held once it is on disk.
    ///
    /// Throws `invalid` for bytes that are no batch, and `diverged` for a batch that does not
    /// continue what was booked.
    package func push(
        _ push: WirePush, from call: AgentCall, receivedAt: Int64
    ) async throws -> PushReceipt {
        let batches = try push.batches.enumerated().map { index, bytes in
            try Self.decode(.init(bytes), at: index)
        }
        let correction = ClockCorrection(
            now: push.hasNow ? push.now : nil, receivedAt: receivedAt)
        return try await ingest.submit(
            DecodedPush(call: call, correction: correction, batches: batches))
    }

    private static func decode(_ bytes: [UInt8], at index: Int) throws -> DecodedBatch {
        do {
            let batch = try WireBatch(serializedBytes: bytes)
            return DecodedBatch(batch: batch, digest: Digest.sha256(bytes), bytes: bytes)
        } catch {
            throw StoreError(.invalid, "batches[\(index)]: these bytes are no batch", cause: error)
        }
    }
}
