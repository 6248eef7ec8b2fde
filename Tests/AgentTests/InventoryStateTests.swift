import Accounting
import AgentProtocol
import Meters
import Testing

@testable import Agent

@Suite struct InventoryStateTests {
    let meter = MeterName(kind: .v2ray, device: "main")

    func peer(_ name: String, addresses: Int = 1) -> PeerSettings {
        let ranges = (0..<addresses).compactMap { index in
            AddressRange("10.\(index >> 16).\(index >> 8 & 255).\(index & 255)/32")
        }
        return PeerSettings(key: .text(name), addresses: ranges)
    }

    func next(_ state: InventoryState) -> WireInventory? {
        state.message(now: WireClock(), host: WireHost())
    }

    @Test func aKeyIsToldOnceAndAgainWhenItChanges() throws {
        var state = InventoryState()
        state.note(meter, source: "kernel", listenPort: 1, keys: 1, fault: "")
        state.note(peer("a"), at: meter, name: "alice", handshake: nil)
        let first = try #require(next(state))
        #expect(first.keys.map(\.name) == ["alice"])
        state.acknowledge(first)
        state.note(peer("a"), at: meter, name: "alice", handshake: nil)
        #expect(next(state) == nil)
        state.note(peer("a"), at: meter, name: "bob", handshake: nil)
        #expect(next(state)?.keys.map(\.name) == ["bob"])
    }

    @Test func aPortThatIsCountedForAnotherCredentialIsToldAgainOnceWithWhatIsReadBesideIt() throws
    {
        let (ports, key) = (MeterName(kind: .ports, device: "inet"), Key.text("tcp/443"))
        let all = [ports, ports.packets, ports.overIPv6, ports.packets.overIPv6]
        var state = InventoryState()
        func look() {
            state.note(port: key, at: ports, client: "paul", isConfigured: true)
            for meter in all.dropFirst() { state.note(observed: key, at: meter) }
        }
        look()
        state.acknowledge(try #require(next(state)))
        for (credential, count) in [(5, 4), (5, 0), (6, 4)] as [(UInt64, Int)] {
            state.retell(key, at: ports, for: credential)
            look()
            let told = next(state)?.keys ?? []
            #expect(told.count == count)
            #expect(Set(told.map(\.meter)) == Set(count == 0 ? [] : all.map(\.description)))
            if let message = next(state) { state.acknowledge(message) }
        }
    }

    @Test func aContestIsTold() throws {
        var state = InventoryState()
        state.note(meter, source: "kernel", listenPort: 1, keys: 1, fault: "")
        state.acknowledge(try #require(next(state)))
        state.note(
            meter, source: "kernel", listenPort: 1, keys: 1, fault: "",
            contested: ContestReport.text(suspects: ["wg-portal"]))
        let told = try #require(next(state))
        #expect(told.meters.map(\.contested).allSatisfy { $0.hasSuffix("here: wg-portal") })
        state.acknowledge(told)
        state.note(meter, source: "kernel", listenPort: 1, keys: 1, fault: "")
        #expect(next(state)?.meters.map(\.contested) == [""])
    }

    @Test func aKeyThatIsKeptOutKeepsItsAddresses() throws {
        var state = InventoryState()
        state.note(peer("a"), at: meter, name: "", handshake: nil)
        state.acknowledge(try #require(next(state)))
        state.note(peer("a", addresses: 0), at: meter, name: "", handshake: nil)
        #expect(next(state) == nil)
    }

    @Test func aKeyThatWentWhileNobodyLookedIsToldAsGone() throws {
        var state = InventoryState()
        state.noteGone([.text("a")], at: meter)
        #expect(next(state)?.keys.map(\.present) == [false])
    }

    @Test func aCallStaysSmallHoweverManyAddressesThereAre() throws {
        var state = InventoryState()
        for index in 0..<100 {
            state.note(peer("k\(index)", addresses: 2_000), at: meter, name: "", handshake: nil)
        }
        var told = 0
        while let message = next(state) {
            #expect(try message.encoded().count < 2 * InventoryState.mostBytes)
            #expect(message.keys.allSatisfy { $0.addresses.count == 1_024 })
            told += message.keys.count
            state.acknowledge(message)
        }
        #expect(told == 100)
    }
}
