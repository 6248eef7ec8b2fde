import Accounting
import Ledger
import Logging
import Meters

extension Keeper {
    /// What counts the ports that operators name: the agent's own table, or, on a host that is only
    /// observed, the host's own rules.
    static func portTable(
        _ clock: HostClock, _ options: AgentOptions, _ table: HostTable?
    ) -> (any PortTable)? {
        guard let table else { return nil }
        switch options.mode {
        case .enforce: return NamedPorts(clock: clock, table: table)
        case .observe:
            return (try? HostRules.open(clock: clock)).map {
                ObservedPorts(clock: clock, rules: $0)
            }
        }
    }

    /// The meter of what operators name; nil where nobody ever named anything here.
    var portMeter: (any PortTable)? {
        guard let ports = portTable else { return nil }
        let isWanted =
            !namedPorts.isEmpty || wishes[ports.name]?.isEmpty == false
            || ledger.baselines(of: ports.name).isKnown
        return isWanted ? ports : nil
    }

    /// What this host's settings name, and what services listen on where that is asked for.
    private var namedPorts: Set<PortKey> { options.ports.all.union(listening.ports) }

    /// Looks which ports services of this host listen on, where they are to be counted.
    func lookAtListeners() {
        guard options.ports.listening else {
            listening = ListeningPorts()
            return
        }
        listening.look(without: Set(metersPorts.keys))
    }

    /// Brings the table to what is wanted, given what was just read and booked.
    ///
    /// What was not booked stays counted, since its counter holds the only copy of its bytes.
    func bring(_ table: any PortTable, _ reading: MeterReading?, isBooked: Bool) {
        let wishes = wishes[table.name] ?? []
        let unbooked = isBooked ? [] : reading?.peers.map(\.key) ?? wishes.map(\.key)
        bring(table, to: portPlan(of: wishes, keeping: unbooked))
    }

    /// Shuts and opens ports without a reading first, which takes long where there are many. False,
    /// with nothing done, where the change concerns what is counted.
    func bringAtOnce(_ table: any PortTable) -> Bool {
        guard let counted = countedPorts, faults[table.name] == nil else { return false }
        let wishes = wishes[table.name] ?? []
        // What is to be cleaned is booked before.
        guard !wishes.contains(where: { $0.access == .uncounted && isCounted($0.key) }) else {
            return false
        }
        let plan = portPlan(of: wishes, keeping: [])
        guard plan.counted == counted else { return false }
        bring(table, to: plan)
        return true
    }

    private func isCounted(_ key: Key) -> Bool {
        PortKey(key.description).map { countedPorts?.contains($0) == true } ?? false
    }

    private func portPlan(of wishes: [DesiredAccess], keeping keys: [Key]) -> PortPlan {
        let guarded = ProtectedPorts(controllers: controllers, meters: metersPorts)
        return PortPlan(
            for: wishes, named: namedPorts,
            keeping: Set(keys.compactMap { PortKey($0.description) }),
            observing: options.mode == .observe, protection: guarded.reason)
    }

    private func bring(_ table: any PortTable, to plan: PortPlan) {
        var unmet = plan.unmet
        do {
            let hasChanged = try table.bring(counted: plan.counted, shut: plan.shut)
            for wish in plan.fulfilled { outcomes.fulfilled(wish, took: took(wish)) }
            if hasChanged, plan.counted != countedPorts { noteNamed(table) }
            countedPorts = plan.counted
        } catch {
            tell("\(error)")
            countedPorts = nil
            unmet += plan.fulfilled.map {
                UnmetWish(credential: $0.credential, code: .failed, detail: "\(error)")
            }
        }
        outcomes.unmet(unmet, at: table.name)
    }

    /// Reads a table that has just changed, so that new keys are told at once.
    private func noteNamed(_ table: any PortTable) {
        do {
            let (reading, difference) = try read(table)
            if book(difference, table, reading) { observe(reading) }
        } catch {
            tell("\(error)")
        }
    }

    /// What is added to a table that the ledger knows was added by this agent, and began with nothing.
    func trust(_ reading: inout MeterReading, of meter: any Meter) {
        guard meter is any PortTable, !reading.reading.startsFromZero,
            let incarnation = reading.reading.counters.first?.incarnation,
            options.mode == .enforce,
            ledger.baselines(of: meter.name).counters[incarnation] != nil
        else { return }
        reading.reading.startsFromZero = true
        for index in reading.companions.indices {
            reading.companions[index].startsFromZero = true
        }
    }

    /// Tells of the keys of a table, and whose they are by this host's settings.
    func notePorts(_ reading: MeterReading, of meter: MeterName) {
        let named = namedPorts
        for peer in reading.peers {
            let port = PortKey(peer.key.description)
            inventory.note(
                port: peer.key, at: meter,
                client: port.flatMap { options.ports.clients[$0] } ?? "",
                isConfigured: port.map(named.contains) ?? false)
        }
    }

    /// The ports that metered interfaces listen on, and which they are.
    private var metersPorts: [PortKey: MeterName] {
        var ports: [PortKey: MeterName] = [:]
        for (name, port) in listenPorts {
            guard meters[name] != nil, let list = PortList(port) else { continue }
            ports[.ports(.udp, list)] = name
        }
        return ports
    }
}
