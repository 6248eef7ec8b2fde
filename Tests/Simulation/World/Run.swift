import Accounting
import AgentProtocol
import HTTPClient

@testable import Agent
@testable import Store

extension World {
    /// Makes hosts, devices and agents, and joins them.
    func build() async throws {
        guard try await controller.start(crashAfter: nil, losesPower: false) else { return }
        let shared = newPeer()
        for number in 1...(1 + chance.below(3)) {
            guard let boot = BootID(Hexadecimal.encode(chance.bytes(16))) else { return }
            let host = TrueHost(
                name: "vpn\(number)", boot: boot,
                bootedAt: now - Int64(chance.below(1_000_000)) * Self.second)
            host.makeNamespace(nil)
            if tells { host.tell = { self.note($0()) } }
            hosts.append(host)
            try addDevice(to: host, "wg0", place: nil, .kernel)
            if chance.happens(400) { try addDevice(to: host, "wg1", place: nil, .userspace) }
            if chance.happens(400) { try addDevice(to: host, "wg0", place: "box", .kernel) }
            if faults.contains(.severalCounters) {
                try addDevice(to: host, "rules", place: nil, .table)
            }
            if chance.happens(300) { host.configure(host.devices[0], [shared]) }
            for _ in 0..<chance.below(20) { traffic() }
            agents.append(try await join(host))
        }
    }

    private func addDevice(
        to host: TrueHost, _ device: String, place: String?, _ kind: TrueDevice.Kind
    ) throws {
        if let place { host.makeNamespace(place) }
        let name = MeterName(kind: .wireguard, device: device, place: place)
        let made = host.makeDevice(name, kind: kind, now: now)
        host.configure(made, (0..<(1 + chance.below(6))).map { _ in newPeer() })
    }

    private func join(_ host: TrueHost) async throws -> AgentSide {
        guard let store = controller.store else { throw Violation("there is no store") }
        let token = chance.bytes(32)
        let server = try await store.addServer(
            name: host.name,
            token: JoinOffer(hash: Digest.sha256(token), expiresAt: now + 3_600 * Self.second),
            now: now)
        servers[host.name] = server.id
        let (identity, request) = try joining(host.name, server: server.id, token: token)
        guard try await deliver(request)?.status == 200 else {
            throw Violation("\(host.name) could not join")
        }
        return try AgentSide(host, identity: identity, in: self)
    }

    /// Lets everything go wrong for a while, then lets it come to rest, and checks.
    func run(steps: Int) async throws {
        for _ in 0..<steps {
            try await step()
            if let violation { throw violation }
            if chance.happens(100) { try await checkTotals(areFinal: false) }
        }
        note("calm")
        calmDown()
        try await comeToRest()
    }

    private func step() async throws {
        pass(seconds: chance.happens(20) ? chance.below(7_200) : chance.below(30))
        traffic()
        try await runController()
        guard let agent = chance.pick(agents) else { return }
        try await run(agent)
        switch chance.below(10) {
        case 0...3: try await agent.cycle()
        case 4...5: try await agent.exchange()
        case 6: try await agent.ask()
        case 7: if let host = chance.pick(hosts) { disturb(host) }
        case 8: if faults.contains(.access) { try await operate() }
        default:
            try await deliverLate()
            try await backUp()
            try await loseLedgers()
            try await clone()
        }
    }

    /// Keeps the controller running, or away.
    private func runController() async throws {
        if suffers(.outage, 20) { isControllerAway = true }
        if isControllerAway, chance.happens(50) { isControllerAway = false }
        if suffers(.controllerCrash, 20) {
            controller.disk.life.crash(after: chance.below(60))
        }
        guard !controller.isUp, isCalm || chance.happens(500) else { return }
        let isUp = try await controller.start(
            crashAfter: crashStep(.controllerCrash),
            losesPower: suffers(.controllerPowerCut, 500))
        note("the controller starts\(isUp ? "" : " and dies")")
        if isUp { try await checkTotals(areFinal: false) }
    }

    /// Keeps an agent running.
    private func run(_ agent: AgentSide) async throws {
        if suffers(.agentCrash, 60) { agent.disk.life.crash(after: chance.below(80)) }
        if suffers(.fullDisk, 30) { agent.disk.life.isDiskFull = true }
        if agent.disk.life.isDiskFull, chance.happens(200) {
            agent.disk.life.isDiskFull = false
        }
        if agent.isRefused, controller.isUp, isCalm || chance.happens(200) {
            note("\(agent.host.name): an operator joins it anew")
            try await rejoin(agent, isWiped: false)
        }
        guard !agent.isUp, isCalm || chance.happens(600) else { return }
        if agent.disk.losesPower { reboot(agent.host) }
        let isUp = try await agent.start(
            crashAfter: crashStep(.agentCrash), losesPower: suffers(.powerCut, 300))
        note("\(agent.host.name): the agent starts\(isUp ? "" : " and dies")")
    }

    /// Gives every program time enough to finish, and checks that it did.
    private func comeToRest() async throws {
        for round in 1... {
            pass(seconds: 10)
            try await runController()
            for agent in agents {
                try await run(agent)
                try await agent.cycle()
                try await agent.exchange()
                try await agent.ask()
                if let violation { throw violation }
            }
            if round >= 3, try await isAtRest() { break }
            guard round < 60 else { throw Violation("not everything was delivered in 60 rounds") }
        }
        try await checkTotals(areFinal: true)
        try await checkAccess()
    }
}
