import Accounting
import AgentProtocol
import SwiftProtobuf
import Testing

@testable import Store

/// Ports that are counted because somebody named them.
@Suite struct PortTests {
    static func key(_ text: String) throws -> PortKey { try #require(PortKey(text)) }

    private func naming(
        _ texts: String..., owner: PortOwner = .unsaid, group: String? = nil
    ) throws -> PortNaming {
        PortNaming(
            keys: try texts.map(Self.key), label: texts[0], owner: owner, group: group)
    }

    /// An agent that has told of a WireGuard interface on udp/51820 and its peer, 10.8.0.2.
    private func joined() async throws -> (fixture: Fixture, agent: SimulatedAgent, Store) {
        let fixture = try await Fixture()
        var agent = try await fixture.join()
        agent.fixture = fixture
        _ = try await agent.tell([publicKey(1)], names: ["alice"])
        _ = try await fixture.store.database.write { session in
            try session.execute("UPDATE meters SET listen_port = 51820", [])
        }
        return (fixture, agent, fixture.store)
    }

    /// Tells of keys of packet filters' meters; returns their credentials.
    private func tell(
        _ agent: SimulatedAgent, _ keys: [WireMeterKey]
    ) async throws -> [Int64] {
        let inventory = WireInventory.with {
            $0.meters = [
                .with {
                    $0.name = "wireguard/wg0"; $0.listenPort = 51820
                },
                .with { $0.name = "ports/inet" },
            ]
            $0.keys = keys
        }
        return try await agent.store.take(inventory, from: agent.call, now: Fixture.noon)
            .assignments.map { Int64($0.credential) }
    }

    private func wire(
        _ key: String, meter: String = "ports/inet", present: Bool = true, client: String = "",
        name: String = "", configured: Bool = false, credential: Int64 = 0
    ) -> WireMeterKey {
        .with {
            $0.meter = meter
            $0.key = key
            $0.present = present
            $0.clientName = client
            $0.name = name
            $0.configured = configured
            $0.credential = UInt64(credential)
        }
    }

    private func entries(
        _ agent: SimulatedAgent, after: Int64 = 0
    ) async throws -> [WireDesiredEntry] {
        try await agent.store.desired(server: agent.server, after: after, digest: [])
            .entries.map { try WireDesiredEntry(serializedBytes: $0) }
            .sorted { $0.credential < $1.credential }
    }

    private func report(
        _ agent: SimulatedAgent, number: UInt64, exceptions: [(Int64, String)] = []
    ) async throws {
        let revision = try await agent.store.server(agent.server).revision
        let outcomes = WireOutcomes.with {
            $0.revision = UInt64(revision)
            $0.number = number
            $0.exceptions = exceptions.map { id, code in
                .with {
                    $0.credential = UInt64(id); $0.code = code
                }
            }
        }
        _ = try await agent.store.apply(outcomes, from: agent.call, now: Fixture.noon)
    }

    @Test(arguments: [
        "port/53", "comment/alice", "counter/web", "quota/x", "tcp/1-65535",
    ])
    func whatCannotBeCountedIsRefusedAndNothingIsWritten(text: String) async throws {
        let (fixture, agent, store) = try await joined()
        let naming = try naming(text)
        await #expect { try await store.countPorts(naming, server: agent.server, now: 1) } throws: {
            ($0 as? StoreError)?.code == .invalid
        }
        #expect(try await fixture.integer("SELECT COUNT(*) FROM ports") == 0)
        #expect(try await store.server(agent.server).revision == 0)
    }

    @Test func badOwnersAndGroupsAreRefusedAndNothingIsWritten() async throws {
        let (fixture, agent, store) = try await joined()
        _ = try await agent.tell([publicKey(2)], names: ["alice"])
        let bad: [(PortOwner, String?, StoreError.Code)] = [
            (.client(99), nil, .notFound), (.name("alice"), nil, .conflict),
            (.name(""), nil, .invalid), (.name("a\u{1b}"), nil, .invalid),
            (.unsaid, "a\n", .invalid), (.unsaid, String(repeating: "g", count: 256), .invalid),
        ]
        for (owner, group, code) in bad {
            let naming = try naming("tcp/443", owner: owner, group: group)
            await #expect {
                try await store.countPorts(naming, server: agent.server, now: 1)
            } throws: {
                ($0 as? StoreError)?.code == code
            }
        }
        let fine = try naming("tcp/443")
        await #expect { try await store.countPorts(fine, server: 99, now: 1) } throws: {
            ($0 as? StoreError)?.code == .notFound
        }
        #expect(try await fixture.integer("SELECT COUNT(*) FROM ports") == 0)
        #expect(try await fixture.integer("SELECT COUNT(*) FROM clients") == 3)
    }

    @Test func aNamedPortIsAClientOfItsOwnAndTheAgentIsToldToCountIt() async throws {
        let (_, agent, store) = try await joined()
        let naming = try naming("tcp/8443", "udp/8443", group: "web")
        let receipt = try await store.countPorts(naming, server: agent.server, now: 1)
        #expect(receipt.isNew && receipt.hasNews && receipt.credentials.count == 2)
        let ports = try await store.ports(limit: 10)
        #expect(ports.map(\.credential.key) == ["tcp/8443", "udp/8443"])
        #expect(Set(ports.map(\.credential.clientName)) == ["tcp/8443"])
        #expect(Set(ports.map(\.credential.client)).count == 1)
        #expect(ports.map(\.group) == ["web", "web"])
        let told = try await entries(agent)
        #expect(told.map(\.key) == ["tcp/8443", "udp/8443"])
        #expect(told.allSatisfy { $0.meter == "ports/inet" && $0.access == .open && !$0.forced })
        // The same again changes nothing; the agent's own word finds the credential.
        let again = try await store.countPorts(naming, server: agent.server, now: 2)
        #expect(!again.isNew && !again.hasNews && again.credentials == receipt.credentials)
        #expect(try await tell(agent, [wire("tcp/8443")]) == [receipt.credentials[0]])
    }

    @Test func aPortIsTheNamedClientsAndTakesItsShutState() async throws {
        let (_, agent, store) = try await joined()
        _ = try await store.revoke(client: 1, now: 1)
        let shut = try await store.countPorts(
            try naming("tcp/22", owner: .name("alice")), server: agent.server, now: 2)
        _ = try await store.countPorts(
            try naming("tcp/80", owner: .name("carol")), server: agent.server, now: 2)
        let known = try await store.countPorts(
            try naming("tcp/81", owner: .client(1)), server: agent.server, now: 2)
        let records = try await store.credentials(ids: shut.credentials + known.credentials)
        #expect(records.allSatisfy { $0.client == 1 && $0.desired == .shut })
        let clients = try await store.clients(ClientQuery())
        #expect(clients.map(\.name) == ["alice", "carol"])
        // One port has one client.
        let taken = try naming("tcp/80", owner: .name("alice"))
        await #expect {
            try await store.countPorts(taken, server: agent.server, now: 3)
        } throws: {
            ($0 as? StoreError)?.reason == "port_taken"
        }
    }

    @Test func aByteIsChargedOnce() async throws {
        let (_, agent, store) = try await joined()
        _ = try await store.countPorts(
            try naming("tcp/8000-8999"), server: agent.server, now: 1)
        _ = try await store.countPorts(try naming("ip/10.9.0.0/24"), server: agent.server, now: 1)
        for text in ["tcp/8443", "tcp/80,8999", "ip/10.9.0.7"] {
            let naming = try naming(text)
            await #expect {
                try await store.countPorts(naming, server: agent.server, now: 2)
            } throws: {
                ($0 as? StoreError)?.reason == "overlap"
            }
        }
        // Where an interface listens, and what its peers' addresses are, is nobody's.
        for text in ["udp/51820", "ip/10.8.0.2", "ip/10.8.0.0/16"] {
            let charged = try naming(text, owner: .name("bob"))
            await #expect {
                try await store.countPorts(charged, server: agent.server, now: 2)
            } throws: {
                ($0 as? StoreError)?.reason == "metered"
            }
        }
        let receipt = try await store.countPorts(
            try naming("udp/51820"), server: agent.server, now: 3)
        #expect(try await store.credentials(ids: receipt.credentials).map(\.client) == [0])
        let listening = try await tell(agent, [wire("udp/51000-52000"), wire("tcp/51820")])
        #expect(
            try await store.credentials(ids: listening).map(\.clientName).sorted()
                == ["nobody", "tcp/51820"])
    }

    @Test func aPortIsTakenFromItsClientOnceAnInterfaceListensThere() async throws {
        var (fixture, agent, store) = try await joined()
        let id = try await store.countPorts(
            try naming("udp/51821", owner: .name("bob"), group: "vpn"), server: agent.server,
            now: 1
        ).credentials[0]
        try await agent.push([try agent.batch([WireRow(credential: id, up: 10, down: 0)])])
        let inventory = WireInventory.with {
            $0.meters = [
                .with {
                    $0.name = "wireguard/wg1"; $0.listenPort = 51821
                }
            ]
        }
        let receipt = try await store.take(inventory, from: agent.call, now: Fixture.noon)
        #expect(receipt.revision == 2)
        let port = try #require(try await store.ports(limit: 10).first)
        #expect(port.credential.client == 0 && port.group == "vpn")
        #expect(try await store.client(2).uplink == 10)
        #expect(try await store.take(inventory, from: agent.call, now: 5).revision == nil)
        #expect(
            try await fixture.integers("SELECT client FROM credentials WHERE key = 'udp/51821'")
                == [[2], [0]])
    }

    @Test func namesJoinOnlyWhereTheHostsConfigurationSaysSo() async throws {
        let (_, agent, store) = try await joined()
        _ = try await agent.tell([publicKey(2), publicKey(3)], names: ["bob", "bob"])
        let ids = try await tell(
            agent,
            [
                wire("tcp/1", name: "alice"), wire("tcp/2", client: "alice", configured: true),
                wire("tcp/3", client: "bob"), wire("tcp/4", client: "dave"),
                wire("udp/4", client: "dave"), wire("tcp/5"),
            ])
        let credentials = try await store.credentials(ids: ids).sorted { $0.id < $1.id }
        #expect(
            credentials.map(\.clientName) == ["alice", "alice", "bob", "dave", "dave", "tcp/5"])
        #expect(credentials[0].client != 1 && credentials[1].client == 1)
        // Two clients are called bob: it is neither's.
        #expect(credentials[2].client > 3)
        #expect(credentials[3].client == credentials[4].client)
        #expect(try await tell(agent, [wire("tcp/6", client: "dave")]).count == 1)
        #expect(try await store.client(credentials[3].client).credentials.count == 3)
        let ports = try await store.ports(limit: 10)
        #expect(ports.filter(\.isConfigured).map(\.credential.key) == ["tcp/2"])
        // What only peers have is joined by no name.
        _ = try await tell(
            agent, [wire(publicKey(9), meter: "wireguard/wg0", client: "dave", name: "eve")])
        #expect(try await store.clients(ClientQuery()).last?.name == "eve")
    }

    @Test(arguments: [
        "ports/host", "packets/inet", "packets/host", "ports/inet-ipv6", "packets/inet-ipv6",
    ])
    func whatIsReadBesideIsNobodys(meter: String) async throws {
        var (fixture, agent, store) = try await joined()
        let id = try await tell(agent, [wire("tcp/443", meter: meter)])[0]
        try await agent.push([try agent.batch([WireRow(credential: id, up: 5, down: 6)])])
        #expect(try await store.credentials(ids: [id]).map(\.client) == [0])
        #expect(try await fixture.integer("SELECT COUNT(*) FROM usage_hours") == 0)
        #expect(try await store.fleetTotal(activeSince: 0).uplink == 0)
        #expect(try await fixture.integer("SELECT COUNT(*) FROM ports") == 0)
        #expect(
            try await store.drift(server: agent.server, from: 0, to: Int64.max / 2_000_000_000)
                .isEmpty)
    }

    @Test func portsAreNotMixedIntoAnInterfacesDrift() async throws {
        var (_, agent, store) = try await joined()
        // An interface may well be called like what counts ports.
        let ids = try await tell(
            agent, [wire("all", meter: "interface/inet"), wire("tcp/443")])
        try await agent.push([
            try agent.batch(ids.map { WireRow(credential: $0, up: 5, down: 6) })
        ])
        let drift = try await store.drift(
            server: agent.server, from: 0, to: Int64.max / 2_000_000_000)
        #expect(drift.map(\.meter) == ["interface/inet", "ports/inet"])
        #expect(drift.map(\.uplink) == [0, 5])
        #expect(drift.map(\.observed?.uplink) == [5, nil])
    }

    @Test func aCleanedPortKeepsItsHistoryAndItsLateBytes() async throws {
        var (fixture, agent, store) = try await joined()
        let id = try await store.countPorts(
            try naming("tcp/443"), server: agent.server, now: 1
        ).credentials[0]
        let packets = try await tell(
            agent, [wire("tcp/443"), wire("tcp/443", meter: "packets/inet")])[1]
        try await agent.push([try agent.batch([WireRow(credential: id, up: 10, down: 20)])])
        let receipt = try await store.cleanPorts(
            [try Self.key("tcp/443")], server: agent.server, now: 2)
        #expect(receipt.hasNews && receipt.credentials == [id])
        #expect(try await entries(agent).map(\.access) == [.uncounted])
        // Nothing is shut or opened by that, also not by what happens to its client.
        let client = try #require(try await store.credentials(ids: [id]).first).client
        #expect(try await store.revoke(client: client, now: 3).servers.isEmpty)
        #expect(try await store.restore(client: client, now: 3).servers.isEmpty)
        try await report(agent, number: 1, exceptions: [(id, "failed")])
        #expect(try await store.ports(limit: 10).count == 1)
        try await report(agent, number: 2)
        #expect(try await store.ports(limit: 10).isEmpty)
        // The last batch comes after the outcome.
        let last = [
            WireRow(credential: id, up: 15, down: 20),
            WireRow(credential: packets, up: 3, down: 4),
        ]
        try await agent.push([try agent.batch(last)])
        let record = try #require(try await store.ports(ids: [id]).first)
        #expect(record.counts.all.uplink == 15 && record.counts.all.uplinkPackets == 3)
        #expect(try await store.client(client).uplink == 15)
        #expect(try await fixture.integer("SELECT SUM(uplink) FROM usage_hours") == 15)
        // That it is gone, as the agent says, makes no new one.
        let gone = [
            wire("tcp/443", present: false, credential: id),
            wire("tcp/443", meter: "packets/inet", present: false, credential: packets),
        ]
        #expect(try await tell(agent, gone) == [id, packets])
        #expect(try await store.ports(limit: 10).isEmpty)
        // Counted anew it begins anew.
        let next = try await store.countPorts(
            try naming("tcp/443"), server: agent.server, now: 4)
        #expect(next.isNew && next.credentials[0] > id)
        let told = try await tell(
            agent,
            [
                wire("tcp/443", credential: id),
                wire("tcp/443", meter: "packets/inet", credential: packets),
            ])
        #expect(told[0] == next.credentials[0] && told[1] > packets)
        let anew = try #require(try await store.ports(limit: 10).first)
        #expect(anew.counts == PortCounts())
    }

    @Test func aShutPortIsNotCleanedAndOneThatTheHostNamesIs() async throws {
        let (_, agent, store) = try await joined()
        _ = try await store.countPorts(try naming("tcp/80"), server: agent.server, now: 1)
        _ = try await tell(agent, [wire("tcp/443", client: "web", configured: true)])
        let shut = [try Self.key("tcp/80")]
        _ = try await store.setPorts(shut, to: .shut, server: agent.server, now: 2)
        let nothing = [try Self.key("tcp/81")]
        for (keys, code) in [(shut, StoreError.Code.conflict), (nothing, .notFound)] {
            await #expect {
                try await store.cleanPorts(keys, server: agent.server, now: 3)
            } throws: {
                ($0 as? StoreError)?.code == code
            }
        }
        let web = [try Self.key("tcp/443")]
        #expect(try await store.cleanPorts(web, server: agent.server, now: 4).hasNews)
        #expect(try await !store.cleanPorts(web, server: agent.server, now: 5).hasNews)
    }

    @Test func aRefusedShutIsTakenBackAndAForcedOneIsNot() async throws {
        let (_, agent, store) = try await joined()
        let keys = [try Self.key("tcp/22")]
        let id = try await store.countPorts(
            try naming("tcp/22"), server: agent.server, now: 1
        ).credentials[0]
        #expect(try await store.setPorts(keys, to: .shut, server: agent.server, now: 2).hasNews)
        #expect(try await !store.takeBack([id], server: agent.server, now: 3))
        try await report(agent, number: 1, exceptions: [(id, "protected")])
        #expect(try await store.takeBack([id], server: agent.server, now: 3))
        #expect(try await entries(agent).map(\.access) == [.open])
        _ = try await store.setPorts(keys, to: .shut, server: agent.server, now: 4)
        let forced = try await store.setPorts(
            keys, to: .shut, forced: true, server: agent.server, now: 5)
        #expect(forced.hasNews)
        #expect(try await entries(agent).map(\.forced) == [true])
        try await report(agent, number: 2, exceptions: [(id, "protected")])
        #expect(try await !store.takeBack([id], server: agent.server, now: 6))
        let again = try await store.setPorts(
            keys, to: .shut, forced: true, server: agent.server, now: 7)
        #expect(!again.hasNews)
    }

    @Test func aPortGivenAwayBeginsACredentialAndStaysShut() async throws {
        var (fixture, agent, store) = try await joined()
        let id = try await store.countPorts(
            try naming("tcp/80", group: "web"), server: agent.server, now: 1
        ).credentials[0]
        let first = try #require(try await store.credentials(ids: [id]).first).client
        try await agent.push([try agent.batch([WireRow(credential: id, up: 10, down: 0)])])
        let keys = [try Self.key("tcp/80")]
        _ = try await store.setPorts(
            keys, to: .shut, forced: true, server: agent.server, now: 2)
        let moved = try await store.changePorts(
            try naming("tcp/80", owner: .name("alice")), server: agent.server, now: 3)
        let next = moved.credentials[0]
        #expect(next > id && moved.hasNews)
        // Of two entries for one key the agent goes by the higher credential's.
        let told = try await entries(agent)
        #expect(told.map(\.credential) == [UInt64(id), UInt64(next)])
        #expect(told.map(\.access) == [.uncounted, .shut] && told[1].forced)
        let port = try #require(try await store.ports(limit: 10).first)
        #expect(port.credential.client == 1 && port.group == "web" && port.counts == PortCounts())
        #expect(try await store.client(first).uplink == 10)
        // What was counted before the agent heard of it is the first one's.
        try await agent.push([
            try agent.batch([
                WireRow(credential: id, up: 12, down: 0),
                WireRow(credential: next, up: 5, down: 0),
            ])
        ])
        #expect(try await store.client(first).uplink == 12)
        #expect(
            try await fixture.integers("SELECT client, uplink FROM usage_hours ORDER BY uplink")
                == [[1, 5], [first, 12]])
        let regrouped = try await store.changePorts(
            try naming("tcp/80", group: ""), server: agent.server, now: 4)
        #expect(regrouped == PortReceipt(credentials: [next], hasNews: false))
        #expect(try await store.ports(group: "web", limit: 10).isEmpty)
    }

    @Test func aRestoredStoreGoesOnCountingAndOpensNothing() async throws {
        let (fixture, agent, store) = try await joined()
        for text in ["tcp/1", "tcp/2", "tcp/3"] {
            _ = try await store.countPorts(try naming(text), server: agent.server, now: 1)
        }
        _ = try await store.setPorts(
            [try Self.key("tcp/3")], to: .shut, server: agent.server, now: 1)
        let copy = try fixture.backup()
        _ = try await store.countPorts(try naming("tcp/4"), server: agent.server, now: 2)
        _ = try await store.cleanPorts([try Self.key("tcp/2")], server: agent.server, now: 2)
        // One that is open again and then counted no more.
        let third = [try Self.key("tcp/3")]
        _ = try await store.setPorts(third, to: .open, server: agent.server, now: 3)
        _ = try await store.cleanPorts(third, server: agent.server, now: 4)
        _ = try await store.setPorts(
            [try Self.key("tcp/1")], to: .shut, forced: true, server: agent.server, now: 5)
        let held = RecoveryTests.Holding(
            try await store.desired(server: agent.server, after: 0, digest: []))
        var restored = agent
        restored.store = try await Store.open(path: copy)
        _ = try await restored.store.adopt(held.set, from: restored.call, now: Fixture.noon)
        let told = Dictionary(
            uniqueKeysWithValues: try await entries(restored).map { ($0.key, $0) })
        #expect(
            told.mapValues(\.access)
                == ["tcp/1": .shut, "tcp/2": .uncounted, "tcp/3": .shut, "tcp/4": .open])
        #expect(told["tcp/1"]?.forced == true && told["tcp/3"]?.forced == false)
        let fourth = try #require(try await restored.store.ports(limit: 10).last)
        #expect(fourth.credential.key == "tcp/4")
        #expect(try await restored.store.server(agent.server).reopened.map(\.key) == ["tcp/3"])
    }
}
