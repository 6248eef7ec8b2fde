import Accounting
package import AgentProtocol
import SwiftProtobuf

/// A desired set as an agent holds it.
struct HeldSet: Sendable {
    /// One of its entries.
    struct Entry: Sendable {
        let credential: Int64
        let meter: String
        let key: String
        let revision: Int64
        let access: Access
        let isForced: Bool

        /// Whether the agent counts its key because it was told to.
        var isNamed: Bool { MeterName(meter)?.kind == .ports }
    }

    let revision: Int64
    /// 32 bytes over all entries.
    let digest: [UInt8]
    let entries: [Entry]

    /// No revision that this controller gives comes near this one.
    private static let mostRevision: UInt64 = 1 << 61

    /// Reads a set; throws `invalid` where it contradicts itself.
    init(_ set: WireDesiredSet) throws {
        var sum = SetDigest()
        var seen: Set<Int64> = []
        entries = try set.entries.enumerated().map { index, bytes in
            sum.insert([UInt8](bytes))
            guard let wire = try? WireDesiredEntry(serializedBytes: [UInt8](bytes)),
                let credential = Int64(exactly: wire.credential), credential > 0,
                wire.revision <= Self.mostRevision, seen.insert(credential).inserted
            else {
                throw StoreError(.invalid, "entries[\(index)]: this is no entry of a desired set")
            }
            return Entry(
                credential: credential, meter: wire.meter, key: wire.key,
                revision: Int64(wire.revision), access: wire.access.value, isForced: wire.forced)
        }
        guard [UInt8](set.digest) == sum.bytes || (set.digest.isEmpty && entries.isEmpty) else {
            throw StoreError(
                .invalid, "digest: the entries do not add up to it; send the whole set again")
        }
        guard set.revision <= Self.mostRevision else {
            throw StoreError(.invalid, "revision: no controller has given this one")
        }
        digest = sum.bytes
        revision = Int64(set.revision)
    }

    /// The highest revision that it names.
    var highest: Int64 { entries.reduce(revision) { max($0, $1.revision) } }
}

/// What the controller holds once it has taken an agent's set over.
package struct SetReceipt: Hashable, Sendable {
    /// Above every revision of that set, where it was taken over.
    package var revision: Int64
    /// The newest batch that was applied of the ledger.
    package var applied: NewestBatch
}

extension Store {
    /// Most entries of a set.
    package static let largestSet = 50_000

    /// Takes over what an agent was told before this store was put back from an old backup: every
    /// shut and tombstone of a higher revision, never an opening; then moves above its revisions.
    ///
    /// A set that is known, or was taken over already, changes nothing.
    package func adopt(
        _ set: WireDesiredSet, from call: AgentCall, now: Int64
    ) async throws -> SetReceipt {
        guard set.entries.count <= Self.largestSet else {
            throw StoreError(.invalid, "entries: at most \(Self.largestSet) entries make a set")
        }
        let held = try HeldSet(set)
        return try await database.write { session in
            let ledger = try Self.openLedger(of: call, session)
            _ = try Self.standing(call, ledger)
            let head = try Self.head(of: call.server, session)
            let position = try Self.position(held.revision, held.digest, head, session)
            if position == .unknown {
                let adoption = SetAdoption(server: call.server, now: now, session: session)
                try adoption.run(held, above: head.revision)
            } else {
                try session.execute(
                    "UPDATE servers SET wants_set = 0 WHERE id = $1", [.integer(call.server)])
            }
            _ = try Self.endRecoveryIfCaughtUp(call, now: now, session)
            return SetReceipt(
                revision: try Self.head(of: call.server, session).revision,
                applied: ledger.applied)
        }
    }
}
