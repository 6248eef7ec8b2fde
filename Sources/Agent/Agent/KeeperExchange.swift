import Accounting
import AgentProtocol
import Ledger
import Logging
import Meters

/// What came of taking over what the controller wants, all that is needed to tell it: each question
/// more to the keeper is a way to its thread and back.
struct Adoption {
    /// Whether the set is now exactly the controller's.
    var isExact: Bool
    /// How far this host is with it; nil where the controller knows.
    var outcomes: WireOutcomes?
    /// See `Keeper.newestBatch`.
    var newestBatch: String
}

extension Keeper {
    /// The newest batch that the ledger has made, as every call names it; throws before this start
    /// is noted down, since the next one would bear its number.
    func newestBatch() throws -> String {
        guard ledger.isStarted else {
            throw AgentError(
                doing: "speak to the controller",
                reason: ledgerFault ?? "this start is not noted down in the ledger")
        }
        return ledger.newestBatch
    }

    /// What this host has to tell of its meters and keys; nil for nothing new.
    func inventoryMessage() throws -> WireInventory? {
        guard hasDiscovered, !ledger.awaitsCounters else { return nil }
        var message = inventory.message(
            now: WireClock(clock.now()), host: HostFacts.message(options))
        for index in message?.keys.indices ?? 0..<0 {
            guard let key = message?.keys[index], let meter = MeterName(key.meter),
                let name = Key(key.key, of: meter.kind)
            else { continue }
            message?.keys[index].credential = ledger.credential(of: name, at: meter) ?? 0
        }
        if message?.keys.contains(where: { $0.credential == 0 }) == true {
            message?.newestCredential = try ledger.newestCredential()
        }
        return message
    }

    /// Takes over the credentials that the controller named.
    func adopt(_ answer: WireInventoryAnswer, for sent: WireInventory) throws {
        for refused in answer.assignments where refused.credential == 0 {
            logger.error("the controller does not count \(refused.key) of \(refused.meter)")
        }
        try ledger.take(
            answer.assignments.compactMap { assignment in
                guard let meter = MeterName(assignment.meter),
                    let key = Key(assignment.key, of: meter.kind)
                else { return nil }
                return CredentialAssignment(
                    meter: meter, key: key, credential: assignment.credential,
                    replaces: assignment.replaces)
            })
        inventory.acknowledge(sent)
        // Every key that was told was held as a message.
        noteWork(on: sent.keys.count)
    }

    /// Whether a blocked key is watched until its last bytes are counted.
    var isSettling: Bool {
        let now = clock.now().boottime
        return kept.values.contains { keys in
            keys.values.contains { entry in
                guard !entry.isRemoved, let blockedAt = entry.blockedAt else { return false }
                return now < blockedAt + 10 * EnforcementPlan.settle
            }
        }
    }

    /// How long to wait for the next reading: shorter while a blocked key's last bytes settle.
    func patience() -> Duration {
        isSettling ? min(options.readInterval, .milliseconds(1_100)) : options.readInterval
    }

    /// Where this agent stands with the controller's wishes.
    func desiredPosition() -> (revision: UInt64, digest: [UInt8], ticket: UInt64) {
        let position = ledger.desiredPosition()
        return (position.revision, position.digest, ticketAsked)
    }

    /// Takes over what the controller wants and acts on it at once. What need not be written before
    /// that is told waits for `catchUp`, or for the next reading.
    ///
    /// Where the ledger cannot be written
    /// what is to be shut is shut all the same, and the error is thrown: it will be asked for again.
    func adopt(_ desired: WireDesired) throws -> Adoption {
        let arrival = clock.now().boottime
        let look = look(for: desired)
        do {
            try ledger.adopt(desired, keepingOut: look.kept)
        } catch {
            shutUnsaved(try Ledger.wishes(in: desired), arrival: arrival)
            throw error
        }
        var fresh: [MeterName: [DesiredAccess]] = [:]
        var changed = Set<MeterName>()
        for wish in try ledger.desired() {
            fresh[wish.meter, default: []].append(wish)
            guard wish.revision > revision else { continue }
            arrivals[wish.credential] = arrival
            changed.insert(wish.meter)
            guard let settings = look.settings[wish.credential], let meter = meters[wish.meter],
                settings.key == wish.key
            else { continue }
            keep(settings, wish.meter, isRemoved: !meter.traits.blocksInPlace, isSaved: true)
        }
        let position = ledger.desiredPosition()
        wishes = fresh
        revision = position.revision
        let moved = retellMoved()
        act(on: changed, moved: moved, ticket: desired.ticket, look.readings)
        return Adoption(
            isExact: position.digest == Array(desired.digest), outcomes: outcomesMessage(),
            newestBatch: try newestBatch())
    }

    /// Tells ports again that the controller wants counted for another credential than they are;
    /// returns the meters that have such. What was counted so far is booked first.
    private func retellMoved() -> Set<MeterName> {
        var moved = Set<MeterName>()
        for (meter, wishes) in wishes where meter.kind == .ports {
            var newest: [Key: DesiredAccess] = [:]
            for wish in wishes where wish.credential > newest[wish.key]?.credential ?? 0 {
                newest[wish.key] = wish
            }
            for (key, wish) in newest where wish.access != .uncounted {
                guard let current = ledger.credential(of: key, at: meter), current > 0,
                    current != wish.credential
                else { continue }
                inventory.retell(key, at: meter, for: wish.credential)
                moved.insert(meter)
            }
        }
        return moved
    }

    private func act(
        on changed: Set<MeterName>, moved: Set<MeterName>, ticket: UInt64,
        _ readings: [MeterName: (MeterReading, Difference)]
    ) {
        guard ticket <= ticketAsked, changed.allSatisfy({ meters[$0] != nil }) else {
            ticketAsked = max(ticketAsked, ticket)
            cycle()
            return
        }
        persistence.putsOff = true
        for name in changed {
            guard let meter = meters[name] else { continue }
            if let table = meter as? any PortTable, !moved.contains(name), bringAtOnce(table) {
                continue
            }
            attend(to: meter, taken: readings[name])
        }
        persistence.putsOff = false
        outcomes.verified(through: revision)
    }

    /// Shuts what the ledger could not note down. Nothing is opened that way.
    private func shutUnsaved(_ unsaved: [DesiredAccess], arrival: UInt64) {
        var changed = Set<MeterName>()
        for wish in unsaved where wish.access.isShut {
            var others = wishes[wish.meter] ?? []
            guard !others.contains(where: { $0.key == wish.key && $0.revision >= wish.revision })
            else { continue }
            others.removeAll { $0.key == wish.key }
            wishes[wish.meter] = others + [wish]
            arrivals[wish.credential] = arrival
            changed.insert(wish.meter)
        }
        for name in changed {
            if let meter = meters[name] { attend(to: meter) }
        }
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
        discovery = makeFinder(clock, new)
        discovery.note(sight)
        portTable = Self.portTable(clock, new, table)
        countedPorts = nil
    }
}
