import Accounting
import AgentProtocol
import Ledger
import Logging
import Meters

/// Keeps the ledger and the meters: reads, books and enforces, one thing at a time, on a thread of
/// its own.
actor Keeper {
    nonisolated let executor: ThreadExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    let ledger: Ledger
    let clock: HostClock
    var options: AgentOptions
    let logger: Logger
    var discovery: any MeterFinder
    /// Makes what finds the meters of this host, with given settings.
    let makeFinder: (HostClock, AgentOptions) -> any MeterFinder
    /// The agent's own table of packet filters; nil where none may be made.
    let table: HostTable?
    /// Tunnel addresses that stand in it, by their meters.
    var drops: [MeterName: KeptDrops] = [:]
    /// Meters whose interfaces were last seen to be in other network namespaces.
    var elsewhere: Set<MeterName> = []
    /// Why the table is not as it should be; nil while it is.
    var tableFault: String?
    var meters: [MeterName: any Meter] = [:]
    var faults: [MeterName: String] = [:]
    /// Who may reset the counters of meters that another program keeps resetting.
    var contested: [MeterName: String] = [:]
    /// Failures to open or shut that were logged and still last.
    var failuresTold: Set<String> = []
    /// Why this ledger must not push any more; nil while it may.
    var staleness: StaleLedger?
    /// Why the ledger cannot be written; nil while it can.
    var ledgerFault: String?
    var discoveryFaults: [MeterDiscovery.Fault] = []
    /// Where the last look at this host saw and read everything.
    var newMetersBegan = DiscoveryScope.nothing
    var kept: [MeterName: [Key: KeptOut]] = [:]
    var wishes: [MeterName: [DesiredAccess]] = [:]
    /// When the newest wish of a credential arrived, nanoseconds since boot.
    var arrivals: [UInt64: UInt64] = [:]
    var revision: UInt64 = 0
    var outcomes = OutcomeState()
    var inventory = InventoryState()
    /// Counts what operators name; nil where that cannot be had.
    var portTable: (any PortTable)?
    /// What it was last brought to count; nil where that is not known.
    var countedPorts: Set<PortKey>?
    var listening = ListeningPorts()
    /// The UDP port that each metered interface listens on.
    var listenPorts: [MeterName: UInt16] = [:]
    /// The controller's addresses, as this agent speaks to them.
    let controllers: [String]
    /// Baselines of counters that were removed, still to be forgotten.
    var ended: [MeterName: [BaselineName]] = [:]
    /// What the inventory was last brought up to.
    var noted: [MeterName: NotedReading] = [:]
    /// Whether much memory was in use that no longer is.
    var hasDoneMuch = false
    /// When to let go of what only the start needed, nanoseconds since boot; nil: that is done.
    var startEnds: UInt64?
    /// The newest reading ticket that the controller asked for, and that a reading answers.
    var ticketAsked: UInt64 = 0
    var ticketAnswered: UInt64 = 0
    /// The newest of them that a batch holds.
    var ticketSent: UInt64 = 0
    var lastCycle: Instant?
    /// What each meter's last reading cost.
    var efforts: [MeterName: Effort] = [:]
    /// Processor time of the last round over all meters, in nanoseconds.
    var lastEffort: UInt64 = 0
    var configurations = InterfaceNames()
    var persistence = Persistence()
    /// The containers of this host, as they were seen last.
    var sight = ContainerSight()
    /// Containers that ended during the last look: whether they began anew is not known yet.
    var vanished: Set<String> = []
    /// Places that this start has seen to be containers.
    var containersSeen: Set<String> = []
    /// The meters of this start that have been read, or found missing, at least once.
    var hasDiscovered = false

    init(
        ledger: sending Ledger, clock: HostClock, options: AgentOptions, logger: Logger,
        executor: ThreadExecutor, controllers: [String] = [], table: sending HostTable? = nil,
        makeFinder: @escaping @Sendable (HostClock, AgentOptions) -> any MeterFinder = {
            MeterDiscovery(clock: $0, options: $1)
        }
    ) throws {
        self.executor = executor
        self.clock = clock
        self.options = options
        self.logger = logger
        self.makeFinder = makeFinder
        startEnds = clock.now().boottime + Memory.startTakes
        discovery = makeFinder(clock, options)
        self.controllers = controllers
        self.table = table
        portTable = Self.portTable(clock, options, table)
        for entry in try ledger.keptOut() {
            kept[entry.meter, default: [:]][entry.key] = KeptOut(
                settings: SettingsCodec.decode(entry.settings, of: entry.key),
                isRemoved: entry.isRemoved, blockedAt: nil)
        }
        for wish in try ledger.desired() { wishes[wish.meter, default: []].append(wish) }
        persistence.noted = Set(try ledger.commentedOut())
        revision = ledger.desiredPosition().revision
        if ledger.isCatchingUp { inventory.retell() }
        self.ledger = ledger
    }

    /// Looks for meters, reads each, books what it gained, and brings access to what is wanted.
    ///
    /// A meter that fails is reported and the others go on.
    func cycle() {
        let ticket = ticketAsked
        let start = ProcessorTime.ofThread
        defer { lastEffort = ProcessorTime.ofThread - start }
        noteStart()
        discover()
        newMetersBegan = DiscoveryScope(text: ledger.discoveryScope, options)
        // The table is brought to all that is wanted of it at once: whatever was not said would go.
        dropMissing()
        if let ports = portMeter { attend(to: ports) }
        applyTable()
        for meter in meters.values where !(meter is any PortTable) { attend(to: meter) }
        for meter in wishes.keys where meters[meter] == nil { reportMissing(meter) }
        outcomes.verified(through: revision)
        ticketAnswered = max(ticketAnswered, ticket)
        lastCycle = clock.now()
        guard !ledger.awaitsCounters else { return }
        makeRoom()
        if !hasDiscovered {
            noteAbsent(ledger.isCatchingUp ? ledger.counted() : ledger.unassigned())
        }
        hasDiscovered = true
        noteDiscovery()
        giveMemoryBack()
    }

    /// Notes this start down where the disk was full before. Until then this host is read and
    /// enforced, nothing is booked or removed, and the controller is not spoken to.
    private func noteStart() {
        do {
            try ledger.noteStart()
        } catch {
            if ledgerFault == nil {
                logger.error(
                    """
                    \(error); until then this host is read, whoever is to be shut is blocked, and \
                    nothing is booked, removed or pushed
                    """)
            }
            ledgerFault = "\(error)"
        }
    }

    /// Keeps what waits to be sent within its limit.
    private func makeRoom() {
        do {
            try ledger.makeRoom(limit: options.spoolLimit, now: clock.now())
        } catch {
            if ledgerFault == nil { logger.error("\(error)") }
            ledgerFault = "\(error)"
        }
    }

    /// Notes which containers run; whether that is something new.
    func note(_ sight: ContainerSight) -> Bool {
        defer { self.sight = sight }
        discovery.note(sight)
        return self.sight != sight
    }

    /// Finds the meters of this host; those that are still there stay as they are.
    private func discover() {
        var found = discovery.look()
        lookAtListeners()
        if let ports = portMeter { found.meters[ports.name] = ports }
        configurations.containers = found.containers
        persistence.roots.keep(only: found.containers.values)
        vanished = found.vanished
        containersSeen.formUnion(found.containers.keys)
        for fault in found.faults where !discoveryFaults.contains(fault) {
            logger.error("\(fault.text)")
        }
        discoveryFaults = found.faults
        for name in meters.keys where found.meters[name] == nil {
            logger.notice("\(name) is gone")
            inventory.forget(name)
            faults[name] = nil
            contested[name] = nil
            efforts[name] = nil
            noted[name] = nil
            listenPorts[name] = nil
        }
        for name in found.meters.keys where meters[name] == nil {
            logger.notice("found \(name)")
        }
        meters = found.meters
    }

    /// Remembers where everything was seen and read: a meter that turns up there later is new, and
    /// charged from zero.
    private func noteDiscovery() {
        // Nobody is charged for what is only observed.
        let unread = faults.keys.filter { !$0.isObserved }
        let isHostWhole =
            !discoveryFaults.contains { $0.place == .host }
            && !unread.contains { $0.place == nil }
        let isWhole = discoveryFaults.isEmpty && unread.isEmpty
        let seen: DiscoveryScope = isWhole ? .everything : isHostWhole ? .host : .nothing
        do {
            try ledger.noteDiscovery(scope: seen.text(options))
        } catch {
            logger.error("\(error)")
        }
    }

    /// Reads one meter, books it and enforces what is wanted there. A ledger that cannot be written
    /// keeps nobody in: what it takes to block somebody is done all the same.
    ///
    /// `taken` is what `takeReading` has just read; nil: it is read now.
    func attend(to meter: any Meter, taken: (MeterReading, Difference)? = nil) {
        do {
            let (reading, difference) = try taken ?? takeReading(of: meter)
            let isBooked = book(difference, meter, reading)
            observe(reading)
            listenPorts[meter.name] = reading.listenPort
            if let table = meter as? any PortTable {
                bring(table, reading, isBooked: isBooked)
            } else {
                enforce(meter, reading, isBooked: isBooked)
            }
            if faults.removeValue(forKey: meter.name) != nil {
                logger.notice("\(meter.name) can be read again")
            }
        } catch {
            report("\(error)", at: meter)
            if let table = meter as? any PortTable { bring(table, nil, isBooked: false) }
        }
    }

    /// Takes a reading that is to be booked.
    func takeReading(of meter: any Meter) throws -> (MeterReading, Difference) {
        efforts[meter.name, default: Effort()].begin()
        try? forgetEnded(meter.name)
        return try read(meter)
    }

    /// Reads a meter and takes the difference; a doubtful reading is taken again at once.
    func read(_ meter: any Meter) throws -> (MeterReading, Difference) {
        let name = meter.name
        var latest = try measured(meter)
        let known = try known(name, latest.reading)
        if let inheritance = ledger.inheritance(of: name) {
            let last = inheritance.lastReading
            let difference = Succession.difference(from: known, to: latest.reading, since: last)
            guard difference.isDoubtful else { return (latest, difference) }
            let first = latest.reading
            latest = try measured(meter)
            return (
                latest,
                Succession.difference(
                    from: known, to: latest.reading, confirming: first, since: last)
            )
        }
        let isNew = newMetersBegan.covers(name)
        var difference = measureBooking(of: name) {
            Differ.difference(from: known, to: latest.reading, beganAfterDiscovery: isNew)
        }
        if difference.isDoubtful {
            let first = latest.reading
            latest = try measured(meter)
            difference = measureBooking(of: name) {
                Differ.difference(
                    from: known, to: latest.reading, confirming: first,
                    beganAfterDiscovery: isNew)
            }
        }
        return (latest, difference)
    }

    private func measured(_ meter: any Meter) throws -> MeterReading {
        var reading = try measureReading(of: meter.name) { try meter.read() }
        trust(&reading, of: meter)
        return reading
    }

    /// What is remembered of a meter. An interface that was renamed is the one that it was: its
    /// counters go on under the new name.
    func known(_ name: MeterName, _ reading: Reading) throws -> MeterBaselines {
        let known = ledger.baselines(of: name)
        guard !known.isKnown, let incarnation = reading.counters.first?.incarnation,
            let old = ledger.meter(of: incarnation, kind: name.kind)
        else { return known }
        try ledger.rename(old, to: name)
        if let keys = kept.removeValue(forKey: old) { kept[name] = keys }
        logger.notice("\(old) is called \(name) now")
        return ledger.baselines(of: name)
    }

    /// Books a difference; false where the ledger cannot be written, which loses nothing: what was
    /// not written is still in the counters.
    func book(
        _ difference: Difference, _ meter: any Meter, _ reading: MeterReading
    ) -> Bool {
        guard !ledger.awaitsCounters else { return false }
        do {
            try record(difference, meter, reading)
            ledgerFault = nil
            return true
        } catch {
            if ledgerFault == nil { logger.error("\(error); counting goes on from where it was") }
            ledgerFault = "\(error)"
            return false
        }
    }

    func record(
        _ difference: Difference, _ meter: any Meter, _ reading: MeterReading
    ) throws {
        let held = try measureBooking(of: meter.name) {
            try ledger.record(difference, of: meter.name, at: reading.reading.instant)
        }
        for key in held {
            logger.error("\(meter.name): the total of \(key) is too large to keep; it is held")
        }
        noteContest(of: meter.name)
        // The names in a configuration file that has changed take longer than all the rest.
        persistence.unnoted[meter.name] = persistence.putsOff ? reading : nil
        if !persistence.putsOff { note(reading, of: meter) }
        let keptKeys = kept[meter.name] ?? [:]
        inventory.noteGone(difference.gone.filter { keptKeys[$0] == nil }, at: meter.name)
    }

    private func report(_ fault: String, at meter: any Meter) {
        if faults.updateValue(fault, forKey: meter.name) != fault {
            logger.error("\(fault)")
        }
        inventory.note(
            meter.name, source: meter.traits.source, listenPort: nil, keys: 0, fault: fault)
        outcomes.unmet(
            (wishes[meter.name] ?? []).map {
                UnmetWish(credential: $0.credential, code: .unread, detail: fault)
            }, at: meter.name)
    }

    /// Wishes for a meter that was not found. Where it was looked for, nothing passes, so what is
    /// shut is shut; where it was not, nothing is known.
    private func reportMissing(_ meter: MeterName) {
        var unmet: [UnmetWish] = []
        for wish in wishes[meter] ?? [] {
            if let (code, detail) = unseen(meter) {
                unmet.append(
                    UnmetWish(credential: wish.credential, code: code, detail: detail))
            } else if wish.access.isShut {
                outcomes.fulfilled(wish, took: took(wish))
            } else {
                unmet.append(
                    UnmetWish(
                        credential: wish.credential, code: .failed,
                        detail: "\(meter) is not on this host now"))
            }
        }
        outcomes.unmet(unmet, at: meter)
        if unseen(meter) == nil { persist(meter, isMissing: true) }
    }

    /// Why a meter would not have been found even if it were there; nil where it would.
    private func unseen(_ meter: MeterName) -> (UnmetWish.Code, String)? {
        guard meter.kind != .ports else { return (.unread, "\(meter) cannot be had on this host") }
        guard options.covers(meter, containers: containersSeen) else {
            return (.failed, "this agent's settings leave \(meter) out")
        }
        if let place = meter.place, vanished.contains(place) {
            return (.unread, "the container \(place) has just ended; it is looked for again")
        }
        let fault = discoveryFaults.first { $0.mayHide(meter) }
        return fault.map { (.unread, $0.text) }
    }

    /// Nanoseconds since a wish arrived; nil for one from before this start.
    func took(_ wish: DesiredAccess) -> UInt64? {
        arrivals[wish.credential].map { clock.now().boottime - $0 }
    }
}
