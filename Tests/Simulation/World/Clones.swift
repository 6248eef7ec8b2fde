import Accounting
import Meters

@testable import Agent

extension World {
    /// A host is cloned with its ledger, and both run: one goes on, the other is refused.
    func clone() async throws {
        if suffers(.ledgerCloned, 20), clones.isEmpty, let agent = chance.pick(agents),
            !agent.isStale, agent.isUp, let boot = BootID(Hexadecimal.encode(chance.bytes(16)))
        {
            note("\(agent.host.name): it is cloned")
            // What the copy holds is known of the one that it is made of.
            try await agent.witness()
            cloneCount += 1
            let twin = TrueHost(
                name: "\(agent.host.name)-clone\(cloneCount)", boot: boot,
                bootedAt: now - 60 * Self.second)
            twin.makeNamespace(nil)
            let name = MeterName(kind: .wireguard, device: "wg0")
            let device = twin.makeDevice(name, kind: .kernel, now: now)
            let peers = (0..<3).map { _ in newPeer() }
            twin.configure(device, peers)
            cloneKeys.formUnion(peers.map { "\($0.key)" })
            clones.append(try AgentSide(twin, cloning: agent))
            agent.mayBeRefused = true
        }
        guard let clone = clones.first else { return }
        for device in clone.host.devices {
            for counter in device.counters {
                // Among them those that its copy of the settings has let in there.
                cloneKeys.insert("\(counter.key)")
                let amount = Traffic(
                    uplink: UInt64(chance.below(1 << 30)), downlink: UInt64(chance.below(1 << 30)))
                carry(amount, of: counter, on: device, of: clone.host)
            }
        }
        if !clone.isUp { _ = try await clone.start(crashAfter: nil, losesPower: false) }
        try await clone.cycle()
        if chance.happens(500) { try await clone.exchange() }
        if clone.isRefused { endClones() }
    }

    /// The operator finds the clone and ends it.
    func endClones() {
        for clone in clones {
            note("\(clone.host.name) is ended")
            clone.kill()
        }
        clones = []
    }
}
