import Accounting
import AgentProtocol
import Ledger
import Meters

extension Keeper {
    /// What this host has to tell of its meters and keys; nil for nothing new.
    func inventoryMessage() -> WireInventory? {
        guard hasDiscovered else { return nil }
        return inventory.message(now: WireClock(clock.now()), host: HostFacts.message(options))
    }

    /// Takes over the credentials that the controller named.
    func adopt(_ answer: WireInventoryAnswer, for sent: WireInventory) throws {
        try ledger.assign(
            answer.assignments.compactMap { assignment in
                guard let meter = MeterName(assignment.meter),
                    let key = Key(assignment.key, of: meter.kind)
                else { return nil }
                return (meter, key, assignment.credential)
            })
        inventory.acknowledge(sent)
    }

    /// Numbers what waits and returns the batches to send; nil for none.
    func pushMessage() throws -> WirePush? {
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
        return push
    }

    /// Forgets what the controller has applied. Returns whether that was any of what was sent.
    func acknowledge(_ answer: WirePushAnswer) throws -> Bool {
        let before = try ledger.depth().batches
        try ledger.acknowledge(through: answer.applied)
        return try ledger.depth().batches < before
    }

    /// Whether a blocked key is watched until its last bytes are counted.
    var isSettling: Bool {
        kept.values.contains { keys in
            keys.values.contains { !$0.isRemoved && $0.blockedAt != nil }
        }
    }

    /// How long to wait for the next reading: shorter while a blocked key's last bytes settle.
    func patience() -> Duration {
        isSettling ? min(options.readInterval, .milliseconds(1_100)) : options.readInterval
    }

    /// Where this agent stands with the controller's wishes.
    func desiredPosition() throws -> (revision: UInt64, digest: [UInt8], ticket: UInt64) {
        let position = try ledger.desiredPosition()
        return (position.revision, position.digest, ticketAsked)
    }

    /// Takes over what the controller wants and acts on it at once.
    ///
    /// Returns whether the set is now exactly the controller's.
    func adopt(_ desired: WireDesired) throws -> Bool {
        let arrival = clock.now().boottime
        let before = revision
        _ = try ledger.adopt(desired)
        var changed = Set<MeterName>()
        wishes = [:]
        for wish in try ledger.desired() {
            wishes[wish.meter, default: []].append(wish)
            guard wish.revision > before else { continue }
            arrivals[wish.credential] = arrival
            changed.insert(wish.meter)
        }
        let position = try ledger.desiredPosition()
        revision = position.revision
        let ticket = desired.ticket
        if ticket > ticketAsked {
            ticketAsked = ticket
            cycle()
        } else {
            for name in changed {
                if let meter = meters[name] { attend(to: meter) } else { cycle() }
            }
            outcomes.verified(through: revision)
        }
        return position.digest == Array(desired.digest)
    }

    /// How far this host is with the controller's wishes; nil where the controller knows.
    func outcomesMessage() -> WireOutcomes? {
        guard hasDiscovered else { return nil }
        return outcomes.message(now: WireClock(clock.now()))
    }

    /// Whether something should be sent without waiting for its turn.
    var hasNews: Bool {
        hasDiscovered
            && (inventory.hasNews || outcomes.hasNews || ticketAnswered > ticketSent)
    }

    /// Notes that the controller has stored outcomes.
    func acknowledgeOutcomes(_ sent: WireOutcomes) {
        outcomes.acknowledge(sent)
    }
}

extension Keeper {
    /// Whether readings are taken as often as they should be.
    var isAlive: Bool {
        guard let lastCycle else { return true }
        let late = options.readInterval * 5 + .seconds(30)
        return Duration.nanoseconds(clock.now().boottime - lastCycle.boottime) < late
    }

    /// Takes over settings that were read again.
    func apply(_ new: AgentOptions) {
        var new = new
        new.stateFolder = options.stateFolder
        guard new != options else { return }
        options = new
        discovery = MeterDiscovery(clock: clock, options: new)
    }
}
