import Accounting
import Foundation
import TestSupport
import Testing

@testable import Meters

/// Configuration files, broken ones first.
@Suite struct InterfaceConfigurationTests {
    static let key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
    static let other = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
    static let secret = "/UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak="

    @Test(arguments: [
        ("PublicKey = \(key)", 1, "stands before the first section"),
        ("nonsense", 1, "stands before the first section"),
        ("[Peer]", 1, "starts a [Peer] without a PublicKey"),
        ("[Peer]\nAllowedIPs = 10.0.0.2/32", 1, "starts a [Peer] without a PublicKey"),
        ("[Peer]\nPublicKey = abc", 2, "has a PublicKey that is not 32 bytes of base64"),
        ("[Peer]\nPublicKey =", 2, "has a PublicKey that is not 32 bytes of base64"),
        ("[Peer\nPublicKey = \(key)", 1, "is a section other than [Interface] and [Peer]"),
        ("[Peers]", 1, "is a section other than [Interface] and [Peer]"),
        ("[Interface]\nListenPort 51820", 2, "is not KEY = VALUE"),
    ])
    func whatCannotBeUnderstoodIsAProblemOfItsLine(_ text: String, line: Int, reason: String) {
        let configuration = InterfaceConfiguration(text.utf8)
        #expect(configuration.peers.isEmpty)
        #expect(configuration.problems.first == .init(line: line, reason: reason))
    }

    @Test(arguments: [
        "PresharedKey = \(secret.dropLast(4))", "PresharedKey =", "AllowedIPs = 10.0.0.2/33",
        "AllowedIPs = 10.0.0.2/32, host", "PersistentKeepalive = soon",
        "PersistentKeepalive = 65536", "AllowedIPs",
        "PersistentKeepalive = 25-", "PersistentKeepalive = -25", "PersistentKeepalive = 1-2-3",
    ])
    func aBlockWithABrokenSettingKeepsItsNameAndRestoresNobody(_ line: String) throws {
        let text = "[Peer]\n# alice\nPublicKey = \(Self.key)\n\(line)\n"
        let configuration = InterfaceConfiguration(text.utf8)
        let peer = try #require(configuration.peers.values.first)
        #expect(peer.settings == nil)
        #expect(peer.name == "alice")
        #expect(configuration.problems.map(\.line) == [4])
    }

    @Test func aProblemNeverQuotesASecret() {
        let text = "[Peer]\nPresharedKey = \(Self.secret)x\nPrivateKey = \(Self.secret)\n"
        let problems = InterfaceConfiguration(text.utf8).problems
        #expect(problems.count == 3)
        #expect(!problems.map(\.description).joined().contains(Self.secret.prefix(8)))
    }

    @Test func bytesThatAreNoTextNeverCrash() {
        var generator = SystemRandomNumberGenerator()
        let words = Array("[Peer]\n#= \r\tName:PublicKey\u{0}é\u{feff}".utf8) + [0xff, 0xc3]
        for _ in 0..<2000 {
            let bytes = (0..<200).map { _ in words.randomElement(using: &generator) ?? 0 }
            let configuration = InterfaceConfiguration(bytes)
            #expect(configuration.problems.count <= InterfaceConfiguration.mostProblems)
        }
    }

    @Test func aWholeBlockIsReadHoweverItIsWritten() throws {
        let text = """
            \u{feff}[INTERFACE]\r
            Address = 10.0.0.1/24\r
            PrivateKey = \(Self.secret)\r
            \r
              [peer] # alice's phone\r
            publickey=\(Self.key)# the key\r
            \tPRESHAREDKEY =   \(Self.secret)   # a secret\r
            AllowedIPs = 10.0.0.2 , fd00::2/128,\r
            allowedips=10.1.0.0/16\r
            PersistentKeepalive = 25\r
            Endpoint = vpn.example.org:51820\r
            """
        let configuration = InterfaceConfiguration(text.utf8)
        let key = try #require(PublicKey(base64: Self.key))
        let peer = try #require(configuration.peers[key])
        let addresses = ["10.0.0.2/32", "fd00::2/128", "10.1.0.0/16"].compactMap {
            AddressRange($0)
        }
        #expect(peer.name == "alice's phone")
        #expect(
            peer.settings
                == PeerSettings(
                    key: .publicKey(key), presharedKey: PublicKey(base64: Self.secret),
                    addresses: addresses, keepalive: 25, endpoint: "vpn.example.org:51820"))
        #expect(configuration.problems.isEmpty)
    }

    @Test(arguments: [
        ("# alice\n[Peer]\n", "alice"),
        ("[Peer]\n# alice\n", "alice"),
        ("[Peer] # alice\n", "alice"),
        ("#alice\n\n[Peer]\n", nil),
        ("# Name = alice\n[Peer]\n", "alice"),
        ("[Peer]\n#name=alice\n", "alice"),
        ("[Peer]\n# Name: alice\n", "alice"),
        ("# my old note\n# friendly_name = alice's = phone\n[Peer]\n", "alice's = phone"),
        ("### Client alice\n[Peer]\n", "alice"),
        ("### Client alice\n\n[Peer]\n", "alice"),
        ("# Client: alice (9d2c6c1e-0000)\n[Peer]\n", "alice"),
        ("# BEGIN_PEER alice\n[Peer]\n", "alice"),
        ("### begin alice ###\n[Peer]\n", "alice"),
        ("# END_PEER bob\n# BEGIN_PEER alice\n[Peer]\n", "alice"),
        ("# BEGIN_PEER bob\n# END_PEER bob\n[Peer]\n", nil),
        ("### end bob ###\n[Peer]\n", nil),
        ("# -------\n[Peer]\n", nil),
        ("# alice\n# -------\n[Peer]\n", "alice"),
        ("#[Peer]\n#PublicKey = x\n#AllowedIPs = 10.0.0.3/32\n[Peer]\n", nil),
        ("# bob\n#[Peer]\n#PublicKey = x\n[Peer]\n", nil),
        ("# a long story\n# alice\n[Peer]\n# in the office\n", "alice"),
        ("# above\n[Peer] # end\n# below\n# Name = alice\n", "alice"),
        ("# Имя\n[Peer]\n", "Имя"),
        ("# al\u{7}i\u{1b}ce\n[Peer]\n", "alice"),
        ("[Peer]\n", nil),
    ])
    func namesComeFromCommentsInTheOrderThatIsWrittenDown(_ text: String, name: String?) throws {
        let text = text + "PublicKey = \(Self.key)\n"
        let configuration = InterfaceConfiguration(text.utf8)
        #expect(try #require(configuration.peers.values.first).name == name)
        #expect(configuration.problems.isEmpty)
    }

    @Test func aNameBelongsToTheBlockThatItStandsBy() throws {
        let text = """
            [Peer]
            PublicKey = \(Self.key)
            # Name = alice

            # bob
            [Peer]
            PublicKey = \(Self.other)
            AllowedIPs = 10.0.0.3/32
            # carol
            [Peer]
            PublicKey = \(Self.secret)
            # Name = Carol
            """
        let peers = InterfaceConfiguration(text.utf8).peers
        let names = [Self.key, Self.other, Self.secret].map { key in
            PublicKey(base64: key).flatMap { peers[$0]?.name }
        }
        #expect(names == ["alice", "bob", "Carol"])
    }

    @Test func aNameIsAtMost255BytesLong() throws {
        let text = "# \(String(repeating: "é", count: 400))\n[Peer]\nPublicKey = \(Self.key)\n"
        let name = try #require(InterfaceConfiguration(text.utf8).peers.values.first?.name)
        #expect(name == String(repeating: "é", count: 127))
    }

    @Test func theLaterOfTwoBlocksWithOneKeySetsThePeerUp() throws {
        let text = """
            # alice
            [Peer]
            PublicKey = \(Self.key)
            AllowedIPs = 10.0.0.2/32

            [Peer]
            PublicKey = \(Self.key)
            AllowedIPs = 10.0.0.3/32
            """
        let configuration = InterfaceConfiguration(text.utf8)
        let peer = try #require(configuration.peers.values.first)
        #expect(peer.name == "alice")
        #expect(peer.settings?.addresses.map(\.description) == ["10.0.0.3/32"])
        #expect(configuration.problems.map(\.line) == [6])
    }

    @Test func theFileIsReadAgainWhenItChangesAndOnlyThen() throws {
        let folder = try TemporaryFolder()
        let file = ConfigurationFile(device: "wg0", directory: folder.path)
        #expect(try file.current() == nil)
        try folder.write("# alice\n[Peer]\nPublicKey = \(Self.key)\n", to: "wg0.conf")
        #expect(try file.current()?.peers.values.first?.name == "alice")
        #expect(try file.current()?.peers.values.first?.name == "alice")
        try folder.write("# bob\n[Peer]\nPublicKey = \(Self.key)\n", to: "wg0.conf")
        #expect(try file.current()?.peers.values.first?.name == "bob")
        try FileManager.default.removeItem(atPath: file.path)
        #expect(try file.current() == nil)
    }

    @Test func whatIsNoFileIsRefusedAndNeverWaitedFor() throws {
        let folder = try TemporaryFolder()
        try #require(mkfifo("\(folder.path)/wg0.conf", 0o600) == 0)
        try #require(mkdir("\(folder.path)/wg1.conf", 0o700) == 0)
        for device in ["wg0", "wg1"] {
            let file = ConfigurationFile(device: device, directory: folder.path)
            #expect { try file.current() } throws: { ($0 as? MeterError)?.code == .failed }
        }
    }

    @Test func settingsFromTheFileRestoreAPeerThatWorks() throws {
        let tunnel = try Tunnel(clients: ["alice"])
        defer { tunnel.close() }
        let client = try tunnel.client("alice")
        let configuration = InterfaceConfiguration(tunnel.configuration.utf8)
        let key = try #require(PublicKey(base64: client.keys.publicKey))
        let peer = try #require(configuration.peers[key])
        #expect(peer.name == "alice")
        let meter = UserspaceDevice(
            name: MeterName(kind: .wireguard, device: tunnel.interface),
            socket: FilePlace(tunnel.socketPath), now: Moment.now)
        _ = try meter.remove([.publicKey(key)])
        try meter.restore([try #require(peer.settings)])
        #expect(try eventually(within: 30) { try client.reachesServer() })
    }
}
