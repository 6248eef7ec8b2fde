import AgentProtocol
import SwiftProtobuf
import Testing

@testable import Store

@Suite struct InventoryTests {
    @Test func aNewKeyBecomesAnOpenClientOfItsOwn() async throws {
        let fixture = try await Fixture()
        let agent = try await fixture.join()
        let ids = try await agent.tell([publicKey(1), publicKey(2)], names: ["alice", ""])
        let clients = try await fixture.store.clients(ClientQuery())
        #expect(clients.map(\.name) == ["alice", String(publicKey(2).prefix(8))])
        #expect(clients.flatMap(\.credentials).map(\.id) == ids)
        #expect(clients[0].credentials[0].addresses == ["10.8.0.2/32"])
        #expect(try await agent.tell([publicKey(2), publicKey(1)]) == ids.reversed())
    }

    @Test func aNameThatComesLaterNamesAClientThatHadOnlyItsKey() async throws {
        let fixture = try await Fixture()
        let agent = try await fixture.join()
        _ = try await agent.tell([publicKey(1)])
        _ = try await agent.tell([publicKey(1)], names: ["alice"])
        _ = try await agent.tell([publicKey(1)], names: ["other"])
        let client = try #require(try await fixture.store.clients(ClientQuery()).first)
        #expect(client.name == "alice")
        #expect(client.credentials[0].name == "other")
    }

    @Test func theSameKeyOnAnotherServerIsTheSameClient() async throws {
        let fixture = try await Fixture()
        let first = try await fixture.join()
        let second = try await fixture.join("vpn2")
        let one = try await first.tell([publicKey(1)])[0]
        let two = try await second.tell([publicKey(1)])[0]
        #expect(one != two)
        let clients = try await fixture.store.clients(ClientQuery())
        #expect(clients.map { $0.credentials.map(\.id) } == [[one, two]])
    }

    @Test func aShutClientsKeyIsShutWhereverItAppears() async throws {
        let fixture = try await Fixture()
        let first = try await fixture.join()
        _ = try await first.tell([publicKey(1)])
        let client = try #require(try await fixture.store.clients(ClientQuery()).first?.id)
        _ = try await fixture.store.revoke(client: client, now: Fixture.noon)
        let second = try await fixture.join("vpn2")
        let id = try await second.tell([publicKey(1), publicKey(2)])[0]
        let desired = try await fixture.store.desired(
            server: second.server, after: 0, digest: [])
        let entries = try desired.entries.map { try WireDesiredEntry(serializedBytes: $0) }
        #expect(entries.map(\.credential) == [UInt64(id)])
        #expect(entries.map(\.access) == [.shut])
        #expect(desired.revision == 1)
    }

    @Test func aDeletedClientsKeyStaysATombstone() async throws {
        let fixture = try await Fixture()
        let first = try await fixture.join()
        let id = try await first.tell([publicKey(1)])[0]
        let client = try #require(try await fixture.store.clients(ClientQuery()).first?.id)
        _ = try await fixture.store.delete(client: client, now: Fixture.noon)
        #expect(try await first.tell([publicKey(1)], names: ["again"]) == [id])
        let second = try await fixture.join("vpn2")
        _ = try await second.tell([publicKey(1)])
        let desired = try await fixture.store.desired(
            server: second.server, after: 0, digest: [])
        let entries = try desired.entries.map { try WireDesiredEntry(serializedBytes: $0) }
        #expect(entries.map(\.access) == [.deleted])
        #expect(try await fixture.store.clients(ClientQuery()).isEmpty)
    }

    @Test func whatIsNoKeyOfItsMeterGetsNoCredential() async throws {
        let fixture = try await Fixture()
        let agent = try await fixture.join()
        let ids = try await agent.tell(["no key", publicKey(1), "", publicKey(1)])
        #expect(ids[0] == 0 && ids[2] == 0)
        #expect(ids[1] > 0 && ids[1] == ids[3])
    }

    @Test func nothingSaidBesideAKeyKeepsItFromBeingCounted() async throws {
        let fixture = try await Fixture()
        let agent = try await fixture.join()
        let many = (0..<2000).map { "10.\($0 / 256).\($0 % 256).0/24" }
        let accents = "a" + String(repeating: "\u{301}", count: 5000)
        let described: [(name: String, addresses: [String])] = [
            ("many", many), ("bad", ["10.0.0.1/32", "10.0.0.0/33", "", "fd00::1/128"]),
            (accents, []), ("a\u{0}b\n\u{1b}[2J\u{7f}", []), ("\n", []),
        ]
        var inventory = WireInventory()
        inventory.meters = [.with { $0.name = "wireguard/wg0" }]
        inventory.keys = described.enumerated().map { index, key in
            .with {
                $0.meter = "wireguard/wg0"
                $0.key = publicKey(index + 1)
                $0.name = key.name
                $0.addresses = key.addresses
                $0.present = true
            }
        }
        for _ in 1...2 {
            let receipt = try await fixture.store.take(
                inventory, from: agent.call, now: Fixture.noon)
            #expect(receipt.assignments.map(\.credential) == [1, 2, 3, 4, 5])
        }
        let clients = try await fixture.store.clients(ClientQuery())
        let credentials = clients.flatMap(\.credentials)
        #expect(credentials[0].addresses == Array(many.prefix(1024)))
        #expect(credentials[1].addresses == ["10.0.0.1/32", "fd00::1/128"])
        #expect(clients[2].name.utf8.count == 255)
        #expect(clients.map(\.name)[3...] == ["ab[2J", String(publicKey(5).prefix(8))])
        #expect(credentials.map(\.name) == clients.map(\.name).dropLast() + [""])
    }

    @Test func aKeyThatIsGoneAlreadyIsBookedAndShown() async throws {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        var inventory = WireInventory()
        inventory.keys = ["wireguard/wg9", "nonsense"].map { meter in
            .with {
                $0.meter = meter
                $0.key = publicKey(1)
            }
        }
        let receipt = try await fixture.store.take(inventory, from: agent.call, now: Fixture.noon)
        let ids = receipt.assignments.map { Int64($0.credential) }
        #expect(ids[0] > 0 && ids[1] == 0)
        try await agent.push([try agent.batch([WireRow(credential: ids[0], up: 7, down: 9)])])
        let client = try #require(try await fixture.store.clients(ClientQuery()).first)
        #expect(client.name == String(publicKey(1).prefix(8)) && !client.isShut)
        #expect(client.uplink == 7 && client.downlink == 9)
        #expect(client.credentials.map(\.isPresent) == [false])
        #expect(client.credentials.map(\.meter) == ["wireguard/wg9"])
        let server = try await fixture.store.server(agent.server)
        #expect(server.meters.isEmpty && server.clients == 1)
        // Where it appears after all, it is the same client.
        inventory.meters = [.with { $0.name = "wireguard/wg9" }]
        inventory.keys[0].present = true
        let again = try await fixture.store.take(inventory, from: agent.call, now: Fixture.noon)
        #expect(again.assignments.map(\.credential) == [UInt64(ids[0]), 0])
        #expect(try await fixture.store.client(client.id).credentials.map(\.isPresent) == [true])
    }

    @Test func twoThousandKeysAreTakenInOneQuickCall() async throws {
        let fixture = try await Fixture()
        let agent = try await fixture.join()
        let keys = (1...2000).map(publicKey)
        let ids = try await agent.tell(keys)
        #expect(Set(ids).count == 2000)
        // Eight times the keys may cost eight times as much and some noise, not 64 times.
        var times: [Int: Duration] = [:]
        for count in [250, 2000, 250, 2000, 250, 2000] {
            let some = Array(keys.prefix(count))
            var again: [Int64] = []
            let took = try await ContinuousClock().measure { again = try await agent.tell(some) }
            #expect(again == Array(ids.prefix(count)))
            times[count] = min(times[count] ?? took, took)
        }
        let (few, many) = (try #require(times[250]), try #require(times[2000]))
        #expect(many < few * 30, "250 keys took \(few), 2,000 \(many)")
        await #expect(throws: StoreError.self) { try await agent.tell(keys + [publicKey(2001)]) }
    }

    @Test func metersThatAreGoneAreListedNoMore() async throws {
        let fixture = try await Fixture()
        let agent = try await fixture.join()
        _ = try await agent.tell([publicKey(1)])
        #expect(
            try await fixture.store.server(agent.server).meters.map(\.name) == ["wireguard/wg0"])
        var inventory = WireInventory()
        inventory.meters = [.with { $0.name = "wireguard/wg1" }, .with { $0.name = "nonsense" }]
        _ = try await fixture.store.take(inventory, from: agent.call, now: Fixture.noon)
        #expect(
            try await fixture.store.server(agent.server).meters.map(\.name) == ["wireguard/wg1"])
    }
}
