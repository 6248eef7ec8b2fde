import Accounting
import AgentProtocol
import Ledger
import Logging
import Meters

/// Batches to send, and what was known of the controller when they were put together.
struct PushAttempt: Sendable {
    var push: WirePush
    var asked: AskedAt
}

/// What is handed over to a controller that lost it, and what was known of it then.
struct Handover: Sendable {
    var set: WireDesiredSet
    var asked: AskedAt
}

extension Keeper {
    /// Numbers what waits and returns the batches to send; nil for none.
    ///
    /// Throws where this ledger must not push any more.
    func pushAttempt() throws -> PushAttempt? {
        if let staleness { throw staleness }
        // A controller that lost batches may have lost credentials too: it is told of all first.
        guard !(ledger.isCatchingUp && owesInventory) else { return nil }
        while try ledger.cutBatch(ticket: ticketAnswered) {}
        ticketSent = ticketAnswered
        let batches = try ledger.batches()
        guard !batches.isEmpty else { return nil }
        var push = WirePush()
        push.now = WireClock(clock.now())
        var size = 0
        for batch in batches {
            size += batch.bytes.count
            guard push.batches.isEmpty || size <= Ledger.mostBytes else { break }
            push.batches.append(.init(batch.bytes))
        }
        return PushAttempt(push: push, asked: ledger.askedAt)
    }

    /// Whether a controller that has lost things has yet to be told of every key.
    private var owesInventory: Bool {
        inventory.isRetelling && (inventory.hasNews || !hasDiscovered)
    }

    /// Takes over how far the controller has come.
    func take(_ answer: WirePushAnswer, for attempt: PushAttempt) throws {
        let outcome = try take(
            applied: answer.applied, digest: Array(answer.appliedDigest), asked: attempt.asked,
            lacksKeys: answer.wantsKeys)
        guard outcome == .acknowledged(0), attempt.asked == ledger.askedAt else { return }
        throw AgentError(
            doing: "hand over batches",
            reason: "the controller has applied \(answer.applied) and takes none of them")
    }

    @discardableResult
    func take(
        applied: UInt64, digest: [UInt8], asked: AskedAt, lacksKeys: Bool = false
    ) throws -> AppliedOutcome {
        let outcome = try ledger.take(
            applied: applied, digest: digest, asked: asked, lacksKeys: lacksKeys)
        switch outcome {
        case .acknowledged: break
        case .behind:
            logger.notice(
                """
                the controller has lost batches or keys after \(applied), as after it was put back from an \
                older copy; it is caught up
                """)
            retellInventory()
        case .ahead:
            let error = StaleLedger(applied: applied, newest: ledger.newestBatch)
            logger.error("\(error)")
            staleness = error
            throw error
        }
        return outcome
    }

    /// All that this host holds of the controller's wishes, for a controller that lost them.
    func handover() throws -> Handover {
        Handover(set: try ledger.desiredSet(), asked: ledger.askedAt)
    }

    /// Notes that the controller has taken this host's set, and how far it has come.
    func take(_ answer: WireDesiredSetAnswer, for handover: Handover) throws {
        logger.notice(
            "the controller did not know what is shut on this host, and has taken it over")
        let outcome = try take(
            applied: answer.applied, digest: Array(answer.appliedDigest), asked: handover.asked)
        if outcome != .behind { retellInventory() }
    }

    /// Tells the controller every meter and key again.
    func retellInventory() {
        forgetInventory()
        ticketSent = 0
        guard hasDiscovered else { return }
        cycle()
        noteAbsent(ledger.counted())
    }

    /// Notes those of `keys` that no reading has shown since they were last told.
    func noteAbsent(_ keys: [(meter: MeterName, key: Key)]) {
        inventory.noteAbsent(keys) { [kept] meter, key in
            kept[meter]?[key]?.settings?.addresses ?? []
        }
    }
}

/// The controller has batches that this ledger has not made: it was put back from a copy, or
/// another copy of it is at work.
struct StaleLedger: Error, Sendable, CustomStringConvertible {
    let applied: UInt64
    let newest: String

    var description: String {
        """
        the controller has batch \(applied) of this ledger, whose newest is \
        \(newest.prefix { $0 != "." }) or another: it was put back from a copy, or cloned; \
        counting and enforcing go on, nothing is pushed; join this host anew with the token that \
        `tollkeeper server add NAME` prints
        """
    }
}
