import AgentProtocol

/// What this ledger knew of the controller when it asked it something: an answer is compared with
/// that, since others may have arrived before it.
package struct AskedAt: Hashable, Sendable {
    let acknowledged: UInt64
    let catchUps: UInt64
}

/// What an answer of the controller's means for the numbered order.
package enum AppliedOutcome: Hashable, Sendable {
    /// So many batches less are unacknowledged.
    case acknowledged(Int)
    /// The controller has lost batches: it is caught up from now on.
    case behind
    /// The controller has batches that this ledger never made, or others under the same numbers:
    /// this ledger was put back from a copy, or cloned.
    case ahead
}

extension Ledger {
    /// What is known of the controller now; taken before it is asked something.
    package var askedAt: AskedAt {
        AskedAt(acknowledged: chain.acknowledged, catchUps: chain.catchUps)
    }

    /// Takes over how far the controller says that it has come.
    ///
    /// - Parameters:
    ///   - applied: the highest sequence that it has applied of this ledger.
    ///   - digest: that batch's SHA-256; empty where it did not say.
    ///   - asked: what was known when it was asked.
    ///   - lacksKeys: whether it says that it does not have the credentials of the next batch.
    package func take(
        applied: UInt64, digest: [UInt8], asked: AskedAt, lacksKeys: Bool = false
    ) throws(LedgerError) -> AppliedOutcome {
        guard applied <= chain.made else { return .ahead }
        // What was asked before the last catch-up began tells nothing new.
        guard asked.catchUps == chain.catchUps else { return .acknowledged(0) }
        if applied < asked.acknowledged || lacksKeys {
            try beginCatchUp(after: applied, digest: digest)
            return .behind
        }
        if let own = try self.digest(of: applied), !digest.isEmpty, own != digest {
            return .ahead
        }
        let before = try unacknowledged()
        try acknowledge(through: applied)
        return .acknowledged(before - (try unacknowledged()))
    }

    /// Forgets the batches that the controller has applied.
    package func acknowledge(through sequence: UInt64) throws(LedgerError) {
        guard sequence > chain.acknowledged else { return }
        let own = try digest(of: sequence)
        try advance { (chain) throws(LedgerError) in
            try database.run("DELETE FROM batch WHERE sequence <= ?1", [.bytes(sequence)])
            chain.acknowledged = sequence
            chain.acknowledgedDigest = own ?? []
        }
    }

    /// The digest of a batch that is unacknowledged or the last acknowledged; nil for others.
    private func digest(of sequence: UInt64) throws(LedgerError) -> [UInt8]? {
        if sequence == chain.acknowledged {
            return chain.acknowledgedDigest.isEmpty ? nil : chain.acknowledgedDigest
        }
        var digest: [UInt8]?
        try database.query("SELECT digest FROM batch WHERE sequence = ?1", [.bytes(sequence)]) {
            digest = $0.blob(0)
        }
        return digest
    }

    /// How many batches are unacknowledged.
    func unacknowledged() throws(LedgerError) -> Int {
        var count = 0
        try database.query("SELECT count(*) FROM batch") { row in count = Int(row.integer(0)) }
        return count
    }
}
