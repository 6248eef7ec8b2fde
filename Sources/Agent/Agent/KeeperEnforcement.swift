import Accounting
import Ledger
import Logging
import Meters

extension Keeper {
    /// Brings a meter's keys to what the controller wants, given what was just read and booked.
    ///
    /// What was not booked is not removed, since its counter holds the only copy of its bytes.
    func enforce(_ meter: any Meter, _ reading: MeterReading, isBooked: Bool) {
        let wishes = wishes[meter.name] ?? []
        drop(wishes, at: meter.name, reading)
        guard !wishes.isEmpty else { return }
        let wanted = Set(wishes.map(\.key))
        let present = reading.peers(of: wanted)
        noteBlocked(present, of: meter, at: reading.reading.instant)
        let view = view(of: meter, present, at: reading.reading.instant)
        var plan = EnforcementPlan(
            for: wishes, in: view, observing: options.mode == .observe)
        if !isBooked {
            plan.holdRemovals(
                of: wishes, in: view.present, because: ledgerFault ?? Self.awaitingCounters)
        }
        if !plan.save.isEmpty { saveFirst(&plan, wishes, view, meter) }
        var unmet = plan.exceptions
        for wish in plan.fulfilled { outcomes.fulfilled(wish, took: took(wish)) }
        if !plan.forget.isEmpty { attempt(&unmet, [], meter) { try forget(plan.forget, meter) } }
        if !plan.block.isEmpty { block(plan.block, wishes, meter, &unmet) }
        if !plan.remove.isEmpty { remove(plan, wishes, meter, &unmet) }
        if !plan.restore.isEmpty { restore(plan.restore, wishes, meter, &unmet) }
        if unmet.isEmpty, ledgerFault == nil { failuresTold = [] }
        outcomes.unmet(unmet, at: meter.name)
        persist(meter.name, isMissing: false, unmet: unmet)
    }

    /// A key found blocked by an earlier start of this agent is watched from now on.
    private func noteBlocked(
        _ present: [PeerSettings], of meter: any Meter, at instant: Instant
    ) {
        for peer in present where peer.addresses.isEmpty {
            guard let entry = kept[meter.name]?[peer.key], entry.blockedAt == nil else { continue }
            kept[meter.name]?[peer.key]?.blockedAt = instant.boottime
        }
    }

    private func view(
        of meter: any Meter, _ present: [PeerSettings], at instant: Instant
    ) -> MeterView {
        MeterView(
            present: Dictionary(present.map { ($0.key, $0) }) { first, _ in first },
            kept: kept[meter.name] ?? [:], blocksInPlace: meter.traits.blocksInPlace,
            now: instant.boottime,
            wasCounted: { [ledger] in ledger.total(of: $0, at: meter.name) != nil },
            configured: { [options, containers = configurations.containers] in
                var files = InterfaceNames(containers: containers)
                return files.settings(of: $0, at: meter.name, options)
            })
    }

    /// Saves what it takes to let keys in again. A ledger that cannot be written keeps nobody in: what
    /// would be removed is blocked then.
    private func saveFirst(
        _ plan: inout EnforcementPlan, _ wishes: [DesiredAccess], _ view: MeterView,
        _ meter: any Meter
    ) {
        do {
            try save(plan.save, meter.name, isRemoved: !meter.traits.blocksInPlace)
        } catch {
            tell("\(error); blocked all the same, nothing is removed until it can be written")
            for settings in plan.save {
                keep(settings, meter.name, isRemoved: false, isSaved: false)
            }
            plan.holdRemovals(of: wishes, in: view.present, because: "\(error)")
        }
    }

    private func block(
        _ keys: [Key], _ wishes: [DesiredAccess], _ meter: any Meter, _ unmet: inout [UnmetWish]
    ) {
        attempt(&unmet, keys, meter) {
            try meter.block(keys)
            let now = clock.now().boottime
            for key in keys { kept[meter.name]?[key]?.blockedAt = now }
            fulfil(keys, wishes)
        }
    }

    /// Takes keys out. The mark that the agent did it stands in the ledger before the deed.
    private func remove(
        _ plan: EnforcementPlan, _ wishes: [DesiredAccess], _ meter: any Meter,
        _ unmet: inout [UnmetWish]
    ) {
        let ready = plan.remove.filter { key in
            guard let entry = kept[meter.name]?[key] else { return false }
            return entry.settings != nil && entry.isSaved
        }
        attempt(&unmet, plan.remove, meter) {
            let unmarked = ready.compactMap { kept[meter.name]?[$0] }.filter { !$0.isRemoved }
            try save(unmarked.compactMap(\.settings), meter.name, isRemoved: true)
            let removal = try meter.remove(ready)
            if let final = removal.final { try bookFinal(final, of: ready, meter) }
            logger.notice(
                "\(meter.name): \(ready.count) keys removed, uncounted for \(removal.window) ns")
            if let fault = removal.fault { throw fault }
            fulfil(ready, wishes, window: meter.traits.blocksInPlace ? 0 : removal.window)
            guard ready.count == plan.remove.count else {
                throw AgentError(
                    doing: "shut every key of \(meter.name)",
                    reason: "the ledger cannot keep their settings; free space on its disk")
            }
        }
    }

    /// Books the reading that a removal took: the last that is ever seen of these counters. Their
    /// baselines go with them, since the same keys start from zero if they are put back.
    private func bookFinal(
        _ final: MeterReading, of removed: [Key], _ meter: any Meter
    ) throws {
        let known = ledger.baselines(of: meter.name)
        var difference = Differ.difference(from: known, to: final.reading)
        let removed = Set(removed)
        difference.updates.removeAll { removed.contains($0.id.key) }
        let ended = known.counters.flatMap { incarnation, counters in
            counters.keys.filter { removed.contains($0.key) }
                .map { BaselineName(incarnation: incarnation, id: $0) }
        }
        // Where nothing was gained nothing needs the disk before somebody is told of the removal.
        if persistence.putsOff, difference.deltas.isEmpty {
            self.ended[meter.name, default: []] += ended
        } else {
            difference.removed += ended
        }
        try record(difference, meter, final)
    }

    /// Forgets the baselines of a meter's counters that were removed.
    func forgetEnded(_ meter: MeterName) throws {
        guard let names = ended[meter] else { return }
        var difference = Difference()
        difference.removed = names
        if ledger.baselines(of: meter).isKnown {
            try ledger.record(difference, of: meter, at: clock.now())
        }
        ended[meter] = nil
    }

    /// Puts keys back, all at once; where that is refused, one by one, so that one whose address
    /// somebody else has does not keep the others out.
    private func restore(
        _ settings: [PeerSettings], _ wishes: [DesiredAccess], _ meter: any Meter,
        _ unmet: inout [UnmetWish]
    ) {
        let open = { (some: [PeerSettings]) throws in
            try meter.restore(some)
            try self.forget(some.map(\.key), meter)
            self.fulfil(some.map(\.key), wishes)
        }
        if settings.count > 1, (try? open(settings)) != nil { return }
        for one in settings.prefix(Self.mostSingleRestores) {
            attempt(&unmet, [one.key], meter) { try open([one]) }
        }
    }

    /// How many keys are put back one by one in a round; the others' turn comes with the next.
    private static let mostSingleRestores = 200

    /// Notes settings down that the ledger does not have just so.
    func save(
        _ settings: [PeerSettings], _ meter: MeterName, isRemoved: Bool
    ) throws {
        let settings = settings.filter { settings in
            guard let entry = kept[meter]?[settings.key], entry.isSaved else { return true }
            return entry.isRemoved != isRemoved || entry.settings != settings
        }
        guard !settings.isEmpty else { return }
        try ledger.keepOut(
            try settings.map { settings in
                KeptOutKey(
                    meter: meter, key: settings.key, isRemoved: isRemoved,
                    settings: try SettingsCodec.encode(settings))
            })
        for settings in settings { keep(settings, meter, isRemoved: isRemoved, isSaved: true) }
    }

    func keep(
        _ settings: PeerSettings, _ meter: MeterName, isRemoved: Bool, isSaved: Bool
    ) {
        let blockedAt = kept[meter]?[settings.key]?.blockedAt
        kept[meter, default: [:]][settings.key] = KeptOut(
            settings: settings, isRemoved: isRemoved, isSaved: isSaved, blockedAt: blockedAt)
    }

    private func forget(_ keys: [Key], _ meter: any Meter) throws {
        try ledger.letIn(keys, at: meter.name)
        for key in keys { kept[meter.name]?[key] = nil }
    }

    private func fulfil(_ keys: [Key], _ wishes: [DesiredAccess], window: UInt64 = 0) {
        let keys = Set(keys)
        for wish in wishes where keys.contains(wish.key) {
            outcomes.fulfilled(wish, took: took(wish), window: window)
        }
    }

    /// Does `body`; where it fails, the keys' wishes are unmet and the others go on.
    private func attempt(
        _ unmet: inout [UnmetWish], _ keys: [Key], _ meter: any Meter, _ body: () throws -> Void
    ) {
        do {
            try body()
        } catch {
            tell("\(error)")
            let isTaken = (error as? MeterError)?.code == .addressTaken
            let keys = Set(keys)
            for wish in wishes[meter.name] ?? [] where keys.contains(wish.key) {
                unmet.append(
                    UnmetWish(
                        credential: wish.credential, code: isTaken ? .addressTaken : .failed,
                        detail: "\(error)"))
            }
        }
    }

    /// Logs a failure once while it lasts: it comes again at each reading.
    func tell(_ failure: String) {
        if failuresTold.insert(failure).inserted { logger.error("\(failure)") }
    }
}
