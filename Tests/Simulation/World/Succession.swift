import AgentProtocol
import HTTPClient
import Meters

@testable import Accounting
@testable import Agent
@testable import Store

/// What the controller had of a server when its agent joined it with a new ledger.
struct Adoption {
    /// The counters as they were booked last.
    var raws: [Incarnation: [CounterID: Traffic]] = [:]
    /// The meters that were ever reported.
    var meters: Set<MeterName> = []
    /// When the newest of the counters was read, by the host's clocks; nil: nothing was.
    var lastReading: Instant?

    /// The counters as they were booked last, one by one.
    var values: Set<RecordedValue> {
        var values: Set<RecordedValue> = []
        for (incarnation, counters) in raws {
            for (id, value) in counters {
                values.insert(RecordedValue(incarnation: incarnation, id: id, value: value))
            }
        }
        return values
    }
}

extension TrueHost {
    /// Begins anew, as the host's new ledger does: what was booked stays, what only the old ledger
    /// knew is lost, and what is still in the counters goes on from where the controller left it.
    func beginLedger(
        booked: [Key: Traffic], baselines: [Key: Traffic], after adoption: Adoption
    ) {
        for (key, charge) in charges {
            lost[key] = charge.excess(over: booked[key] ?? .zero)
        }
        (settled, settledBaselines) = (booked, baselines)
        (slack, doubts) = ([:], [:])
        history.removeAll { !$0.isAlive }
        for counter in history {
            (counter.recorded, counter.base, counter.predecessor) = (nil, .zero, nil)
            counter.isBaseBooked = false
            (counter.delivered, counter.final) = ([], nil)
        }
        self.adoption = adoption
        everRecorded = adoption.values
        falls = [:]
    }

    /// A controller from before a join may take what an earlier ledger has sent, after all.
    func forgiveLosses() {
        for (key, amount) in lost where amount != .zero {
            slack[key] = slack[key, default: .zero].adding(amount)
        }
        lost = [:]
    }

    /// What a first reading by a new ledger charges nobody for (design.md, A8 and A9).
    func base(of counter: TrueCounter, read value: Traffic, at meter: MeterName) -> Traffic {
        if let known = adoption.raws[counter.incarnation]?[counter.id] {
            counter.isBaseBooked = value.isAtLeast(known)
            return counter.isBaseBooked ? known : value
        }
        guard adoption.meters.contains(meter), let last = adoption.lastReading else { return value }
        if last.boot == boot {
            let process = counter.startedAt(boot) ?? 0
            return process > last.boottime ? sure(.zero, value, counter) : value
        }
        // A clone on another machine may have been heard long after this one was started.
        let isNewer = bootedAt >= last.wall - Self.clockTolerance
        return isNewer || hasWrongClock ? sure(.zero, value, counter) : value
    }

    /// How far the wall clocks of two machines are believed to be off (docs/decisions.md).
    private static let clockTolerance: Int64 = 300 * World.second

    /// `base`, unless the host's clock was wrong: then nobody can tell when a boot began.
    private func sure(_ base: Traffic, _ value: Traffic, _ counter: TrueCounter) -> Traffic {
        guard hasWrongClock, adoption.lastReading?.boot != boot else { return base }
        slack[counter.key] = slack[counter.key, default: .zero].adding(value)
        return value
    }
}

extension TrueCounter {
    /// When the process that counts began, nanoseconds since `boot`; nil for the kernel's own.
    fileprivate func startedAt(_ boot: BootID) -> UInt64? {
        let parts = incarnation.token.split(separator: ":")
        guard parts[0] == "process", parts[1] == boot.description else { return nil }
        return UInt64(parts[3]).map { $0 * 10_000_000 }
    }
}

extension World {
    /// Ledgers are lost and put back from copies, and their hosts join anew.
    func loseLedgers() async throws {
        guard let agent = chance.pick(agents), controller.isUp, !isControllerAway else { return }
        if suffers(.ledgerWiped, 10) {
            note("\(agent.host.name): its ledger is wiped")
            try await rejoin(agent, isWiped: true)
        }
        if suffers(.ledgerRolledBack, 30), agent.isUp, !agent.isStale {
            note("\(agent.host.name): its ledger is copied")
            try await agent.copyLedger()
        }
        if suffers(.ledgerRolledBack, 30), let copied = agent.copied, !agent.isStale,
            let server = servers[agent.host.name], let store = controller.store
        {
            // Nothing tells a copy that lacks nothing of what was booked from the ledger itself: it
            // makes the same batches again, byte for byte, and goes on.
            let booked = try await store.adoption(of: server).adoption.values
            guard !booked.isSubset(of: copied) else { return }
            note("\(agent.host.name): its ledger is put back from the copy")
            try agent.putLedgerBack()
        }
    }

    /// Joins a host anew as the server that it was, with a new ledger.
    func rejoin(_ agent: AgentSide, isWiped: Bool) async throws {
        agent.kill()
        guard let store = controller.store, let server = servers[agent.host.name] else { return }
        let token = chance.bytes(32)
        do {
            _ = try await store.addJoinToken(
                JoinOffer(hash: Digest.sha256(token), expiresAt: now + 3_600 * Self.second),
                server: server, now: now)
        } catch {
            guard controller.isUp else { return }
            throw error
        }
        let (identity, request) = try joining(agent.host.name, server: server, token: token)
        // From here on the old ledger may be closed, whether the answer arrives or not.
        agent.mayBeRefused = true
        guard try await deliver(request)?.status == 200, controller.isUp else { return }
        closedLedgers.insert(agent.identity.ledger)
        // What the old ledger had sent and was long under way comes now, before and after the new
        // one's first reading.
        if let old = agent.lastPush, suffers(.delay, 500) {
            delayed.append(old)
            try await deliverLate(old)
        }
        let (booked, baselines, adoption) = try await store.adoption(of: server)
        agent.host.beginLedger(
            booked: booked, baselines: baselines,
            after: ControllerSide.tellsCounters ? adoption : Adoption())
        for device in agent.host.devices {
            for key in device.configuration.keys {
                let isOpen = device.counter(key)?.settings.addresses.isEmpty == false
                if isWiped, !isOpen { tampered.insert(key) }
            }
        }
        // What a restored controller lost and this ledger alone knew is known to nobody now.
        if isWiped, agent.mayKnowMore { mustStayShut[agent.host.name] = [] }
        try agent.begin(identity, isWiped: isWiped)
    }

    /// A new identity, and the request that it joins with.
    func joining(
        _ name: String, server: Int64, token: [UInt8]
    ) throws -> (Identity, HTTPRequest) {
        let secret = chance.bytes(32)
        let identity = Identity(
            server: UInt64(server), name: name, controllers: ["http://controller"], pins: [],
            secret: Base64URL.encode(secret), ledger: Hexadecimal.encode(chance.bytes(16)),
            tokenDigest: "")
        var message = WireJoinRequest()
        message.token = "tk1.\(Base64URL.encode(token))."
        message.secretHash = .init(Digest.sha256(secret))
        message.ledger = .init(Hexadecimal.decode(identity.ledger) ?? [])
        return (
            identity,
            HTTPRequest("POST", "http://controller/agent/v1/join", body: try message.encoded())
        )
    }
}

extension Store {
    /// What is booked of a server, by key, and what a new ledger may go on from.
    fileprivate func adoption(
        of server: Int64
    ) async throws -> (booked: [Key: Traffic], baselines: [Key: Traffic], adoption: Adoption) {
        try await database.read { session in
            var booked: [Key: Traffic] = [:]
            var baselines: [Key: Traffic] = [:]
            var adoption = Adoption()
            let totals = try session.query(
                """
                SELECT m.name, c.key, t.uplink, t.downlink, t.baseline_uplink, \
                t.baseline_downlink FROM credentials c JOIN meters m ON m.id = c.meter \
                JOIN totals t ON t.credential = c.id \
                WHERE c.server = $1 AND c.client <> 0
                """, [.integer(server)])
            for row in totals {
                guard let meter = MeterName(row.text(0)), let key = Key(row.text(1), of: meter.kind)
                else { continue }
                booked[key] = booked[key, default: .zero].adding(row.traffic(2))
                baselines[key] = baselines[key, default: .zero].adding(row.traffic(4))
            }
            let raws = try session.query(
                """
                SELECT m.name, c.key, r.part, i.token, r.uplink, r.downlink FROM credentials c \
                JOIN meters m ON m.id = c.meter JOIN raw_counters r ON r.credential = c.id \
                JOIN incarnations i ON i.id = r.incarnation \
                WHERE c.server = $1 AND c.client <> 0
                """, [.integer(server)])
            for row in raws {
                guard let meter = MeterName(row.text(0)), let key = Key(row.text(1), of: meter.kind)
                else { continue }
                adoption.raws[Incarnation(token: row.text(3)), default: [:]][
                    CounterID(key: key, part: row.text(2))] = row.traffic(4)
            }
            let meters = try session.query(
                "SELECT name FROM meters WHERE server = $1", [.integer(server)])
            adoption.meters = Set(meters.compactMap { MeterName($0.text(0)) })
            let reading = try session.first(
                "SELECT reading_wall, reading_boot, reading_boottime FROM servers WHERE id = $1",
                [.integer(server)])
            if let reading, let clock = WireClock(reading, at: 0) {
                adoption.lastReading = clock.instant
            }
            return (booked, baselines, adoption)
        }
    }
}

extension Row {
    /// Two columns of bytes, from `column` on.
    func traffic(_ column: Int) -> Traffic {
        Traffic(
            uplink: UInt64(clamping: integer(column)),
            downlink: UInt64(clamping: integer(column + 1)))
    }
}
