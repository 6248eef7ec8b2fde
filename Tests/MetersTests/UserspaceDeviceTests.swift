import Accounting
import Foundation
import TestSupport
import Testing

@testable import Meters

/// wireguard-go in namespaces, with real traffic.
@Suite(.serialized) struct UserspaceDeviceTests {
    @Test func aReadingEqualsWhatWgShowsToTheByte() throws {
        let tunnel = try Tunnel(clients: ["alice", "bob", "carol"])
        defer { tunnel.close() }
        #expect(try tunnel.client("alice").ping(count: 40, size: 777) == 40)
        #expect(try tunnel.client("bob").ping(count: 3) == 3)
        try tunnel.client("bob").send(count: 100, size: 1200)
        try settle(tunnel)

        let reading = try meter(of: tunnel).read()
        let shown = try tunnel.transfer()
        #expect(reading.reading.counters.count == 3)
        for counter in reading.reading.counters {
            let transfer = try #require(shown[counter.key.description])
            #expect(counter.value.uplink == transfer.received)
            #expect(counter.value.downlink == transfer.sent)
            #expect(counter.place == nil)
        }
        let bob = try counter(of: tunnel.client("bob"), in: reading)
        #expect(bob.value.uplink > 60_000)
        #expect(bob.value.uplink > bob.value.downlink)
        let carol = try counter(of: tunnel.client("carol"), in: reading)
        #expect(carol.value == .zero)
        #expect(carol.lastHandshake == 0)
        let age = Int64(Date().timeIntervalSince1970) - (bob.lastHandshake ?? 0)
        #expect((-2...60).contains(age))
        #expect(reading.reading.startsFromZero)
        #expect(reading.reading.link == nil)
        #expect(reading.listenPort == UInt16(tunnel.port))
    }

    @Test func aReadingTellsHowEachPeerIsSetUp() throws {
        let tunnel = try Tunnel(clients: ["alice"])
        defer { tunnel.close() }
        let client = try tunnel.client("alice")
        let settings = try #require(try meter(of: tunnel).read().peers.first)
        #expect(settings.key.description == client.keys.publicKey)
        #expect(settings.presharedKey?.base64 == client.presharedKey)
        #expect(settings.addresses.map(\.description) == ["\(client.address)/32"])
    }

    @Test func removingStopsTheTrafficAndRestoringLetsItFlowWithThePresharedKey() throws {
        let tunnel = try Tunnel(clients: ["alice", "bob"])
        defer { tunnel.close() }
        let alice = try tunnel.client("alice")
        let bob = try tunnel.client("bob")
        #expect(try alice.ping(count: 10) == 10)
        #expect(try bob.reachesServer())
        let meter = meter(of: tunnel)
        let before = try meter.read()
        let saved = try #require(before.peers.first { $0.key.description == alice.keys.publicKey })

        let key = try alice.key
        let removal = try meter.remove([key])
        let final = try counter(of: alice, in: #require(removal.final))
        #expect(final.value.isAtLeast(try counter(of: alice, in: before).value))
        #expect(removal.window > 0)
        #expect(removal.window < 1_000_000_000)
        #expect(try tunnel.transfer().keys.sorted() == [bob.keys.publicKey])
        #expect(try !alice.reachesServer())
        #expect(try bob.reachesServer())
        #expect(try meter.remove([key]).final != nil, "removing twice is fine")

        try meter.restore([saved])
        let restored = try #require(
            try meter.read().peers.first { $0.key.description == alice.keys.publicKey })
        #expect(restored.isEquivalent(to: saved))
        #expect(try eventually(within: 30) { try alice.reachesServer() })
        #expect(try bob.reachesServer())
    }

    @Test func blockingStopsTheTrafficAndKeepsThePeerWithItsCounter() throws {
        let tunnel = try Tunnel(clients: ["alice", "bob"])
        defer { tunnel.close() }
        let alice = try tunnel.client("alice")
        let meter = meter(of: tunnel)
        #expect(try alice.reachesServer())
        let before = try meter.read()
        let saved = try #require(before.peers.first { $0.key == (try? alice.key) })
        let nobody = try #require(PublicKey([UInt8](repeating: 7, count: 32)))
        try meter.block([try alice.key, .publicKey(nobody)])
        #expect(try !alice.reachesServer())
        #expect(try tunnel.client("bob").reachesServer())
        let after = try meter.read()
        #expect(after.peers.count == 2)
        #expect(after.peers.first { $0.key == saved.key }?.addresses == [])
        let counter = try counter(of: alice, in: after)
        #expect(counter.value.isAtLeast(try self.counter(of: alice, in: before).value))
        try meter.restore([saved])
        #expect(try eventually(within: 30) { try alice.reachesServer() })
    }

    @Test func restoringRefusesAnAddressThatAnotherPeerHasNow() throws {
        let tunnel = try Tunnel(clients: ["alice", "bob"])
        defer { tunnel.close() }
        let alice = try tunnel.client("alice")
        let bob = try tunnel.client("bob")
        let meter = meter(of: tunnel)
        let peers = try meter.read().peers
        let (key, owner) = (try alice.key, try bob.key)
        let saved = try #require(peers.first { $0.key == key })
        _ = try meter.remove([key])
        try tunnel.namespace.run(
            "wg", "set", tunnel.interface, "peer", bob.keys.publicKey, "allowed-ips",
            "\(alice.address)/32,\(bob.address)/32")

        #expect {
            try meter.restore([saved])
        } throws: { error in
            guard let error = error as? MeterError else { return false }
            return error.code == .addressTaken && error.reason.contains(bob.keys.publicKey)
        }
        let left = try meter.read().peers
        #expect(left.map(\.key) == [owner])
        #expect(left.first?.addresses.count == 2)
    }

    @Test func aRestoreThatTheDaemonRefusesLeavesNothingBehind() throws {
        let tunnel = try Tunnel(clients: ["alice"])
        defer { tunnel.close() }
        let meter = meter(of: tunnel)
        let own = try #require(Key(tunnel.keys.publicKey, of: .wireguard))
        let other = try #require(Key(KeyPair().publicKey, of: .wireguard))
        let range = try #require(AddressRange("10.77.0.99/32"))
        #expect {
            try meter.restore([
                PeerSettings(key: other, addresses: [range]), PeerSettings(key: own),
            ])
        } throws: { ($0 as? MeterError)?.code == .unverified }
        let left = try meter.read().peers.map(\.key.description)
        #expect(left == [try tunnel.client("alice").keys.publicKey])
    }

    @Test func settingsFromAFileWithAHostNameAreRestoredWithoutIt() throws {
        let tunnel = try Tunnel(clients: [])
        defer { tunnel.close() }
        let key = try #require(Key(KeyPair().publicKey, of: .wireguard))
        let range = try #require(AddressRange("10.77.0.9/24"))
        let settings = PeerSettings(
            key: key, addresses: [range], keepalive: 21, endpoint: "vpn.example.org:51820")
        try meter(of: tunnel).restore([settings])
        let peer = try #require(try meter(of: tunnel).read().peers.first)
        #expect(peer.addresses.map(\.description) == ["10.77.0.0/24"])
        #expect(peer.keepalive == 21)
        #expect(peer.endpoint == nil)
    }

    @Test func aRestartOfTheDaemonIsANewIncarnationAndASyncIsNot() throws {
        let tunnel = try Tunnel(clients: ["alice"])
        defer { tunnel.close() }
        let alice = try tunnel.client("alice")
        let meter = meter(of: tunnel)
        #expect(try alice.ping() == 3)
        let first = try counter(of: alice, in: meter.read())
        let firstDaemon = try #require(tunnel.daemon)
        #expect(first.incarnation.token.contains(":\(firstDaemon.pid):"))
        try tunnel.synchronise()
        let synced = try counter(of: alice, in: meter.read())
        #expect(synced.incarnation == first.incarnation)
        #expect(synced.value.isAtLeast(first.value))

        tunnel.killDaemon()
        #expect(FileManager.default.fileExists(atPath: tunnel.socketPath), "the file is stale")
        #expect { try meter.read() } throws: { ($0 as? MeterError)?.code == .absent }
        #expect(!discovered().contains(tunnel.interface))

        try tunnel.restart()
        let second = try counter(of: alice, in: meter.read())
        #expect(second.incarnation != first.incarnation)
        let secondDaemon = try #require(tunnel.daemon)
        #expect(second.incarnation.token.contains(":\(secondDaemon.pid):"))
        #expect(!second.value.isAtLeast(first.value))
    }

    @Test func aDaemonThatWentToTheBackgroundIsFoundThoughItsParentHasEnded() throws {
        let namespace = try Namespace()
        let interface = Unique.interface()
        defer {
            namespace.delete()
            unlink("/var/run/wireguard/\(interface).sock")
        }
        try namespace.run("wireguard-go", interface)
        let daemon = try #require(try namespace.processes().first)
        try namespace.run("wg", "set", interface, "peer", KeyPair().publicKey)
        let reading = try UserspaceDevice(
            name: MeterName(kind: .wireguard, device: interface),
            socket: FilePlace("/var/run/wireguard/\(interface).sock"), now: Moment.now
        ).read()
        let ticks = try UserspaceProcess.startTicks(of: daemon, in: "/proc", doing: "test")
        let boot = try #require(Moment.boot)
        #expect(
            reading.reading.counters.first?.incarnation
                == .process(boot: boot, pid: daemon, startTicks: ticks, device: interface))
    }

    @Test func aDaemonThatStandsStillIsGivenUpAndReadAgainLater() throws {
        let tunnel = try Tunnel(clients: ["alice"])
        defer { tunnel.close() }
        let meter = meter(of: tunnel, timeout: .milliseconds(300))
        try #require(tunnel.daemon?.stand() == true)
        #expect { try meter.read() } throws: { ($0 as? MeterError)?.code == .failed }
        tunnel.daemon?.signal(SIGCONT)
        #expect(eventually { (try? meter.read())?.peers.count == 1 })
    }

    @Test func aThousandPeersAreReadRemovedAndRestored() throws {
        let tunnel = try Tunnel(clients: [])
        defer { tunnel.close() }
        let settings = try (0..<1000).map { number in
            let bytes = (0..<32).map { _ in UInt8.random(in: .min ... .max) }
            return PeerSettings(
                key: .publicKey(try #require(PublicKey(bytes))),
                presharedKey: PublicKey(bytes.reversed()),
                addresses: [
                    try #require(AddressRange("10.80.\(number / 250).\(number % 250)/32")),
                    try #require(AddressRange("fd00::\(String(number, radix: 16))/128")),
                ], keepalive: 25)
        }
        let meter = meter(of: tunnel)
        try meter.restore(settings)
        let reading = try meter.read()
        #expect(Set(reading.peers.map(\.key)) == Set(settings.map(\.key)))
        #expect(reading.reading.counters.map(\.key) == reading.peers.map(\.key))
        let removal = try meter.remove(settings.dropFirst().map(\.key))
        #expect(removal.final?.peers.count == 1000)
        #expect(try meter.read().peers.map(\.key) == [settings[0].key])
        try meter.restore(settings)
        #expect(try meter.read().peers.count == 1000)
    }

    @Test func eachDaemonIsFoundOnceHoweverItsFolderIsCalled() throws {
        let tunnel = try Tunnel(clients: [])
        defer { tunnel.close() }
        let folder = try TemporaryFolder()
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder.path)/again", withDestinationPath: "/var/run/wireguard")
        let paths = ["/var/run/wireguard", "\(folder.path)/again", "\(folder.path)/none"]
        let discovery = UserspaceDiscovery(folders: paths.map { .init(.wireguard, $0) })
        let mine = discovery.found.filter { $0.name.device == tunnel.interface }
        #expect(mine.map(\.name.description) == ["wireguard/\(tunnel.interface)"])
        #expect(mine.map(\.socket.path) == [tunnel.socketPath])
        #expect(discovery.faults.isEmpty)
    }

    private func discovered() -> [String] {
        UserspaceDiscovery().found.map(\.name.device)
    }

    private func meter(of tunnel: Tunnel, timeout: Duration = .seconds(10)) -> UserspaceDevice {
        UserspaceDevice(
            name: MeterName(kind: .wireguard, device: tunnel.interface),
            socket: FilePlace(tunnel.socketPath), timeout: timeout, now: Moment.now)
    }

    private func counter(of client: TunnelClient, in reading: MeterReading) throws -> Counter {
        let key = try client.key
        return try #require(reading.reading.counters.first { $0.key == key })
    }

    /// Waits until the last packets have been counted.
    private func settle(_ tunnel: Tunnel) throws {
        var last: [UInt64] = []
        _ = try eventually {
            let now = try tunnel.transfer().values.map { $0.received &+ $0.sent }.sorted()
            defer { last = now }
            usleep(200_000)
            return now == last
        }
    }
}

extension TunnelClient {
    fileprivate var key: Key {
        get throws { try #require(Key(keys.publicKey, of: .wireguard)) }
    }
}
