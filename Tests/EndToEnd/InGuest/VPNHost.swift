import API
import Foundation
import TestSupport
import Testing

/// This guest as a VPN host and its controller: wg0 by wg-quick with one client, the agent
/// joined over TLS, both units running.
struct VPNHost {
    /// An address of this host that is not loopback; the client's cable ends there.
    static let address = "192.168.1.1"
    static let inside = "10.77.0.1"
    static let agentSettings = "/etc/tollkeeper/agent.conf"

    /// The one of this guest, set up once.
    static let shared = Result { try VPNHost() }

    /// What the agent's unit was after a start before the join.
    let beforeJoin: String
    /// The client's public key.
    let key: String

    private init() throws {
        try Unit.agent.systemctl("start")
        beforeJoin = try Unit.agent.property("ActiveState")
        let server = try KeyPair()
        let client = try KeyPair()
        key = client.publicKey
        try Self.write(
            """
            [Interface]
            PrivateKey = \(server.privateKey)
            ListenPort = 51820
            Address = \(Self.inside)/24
            [Peer]
            # alice
            PublicKey = \(client.publicKey)
            AllowedIPs = 10.77.0.2/32
            """, to: "/etc/wireguard/wg0.conf")
        try Unit(name: "wg-quick@wg0.service").systemctl("start")
        try Self.makeClient(client, of: server)
        try Self.write(
            "LISTEN=[::]:8440\nPUBLIC_URL=https://\(Self.address):8440",
            to: "/etc/tollkeeper/controller.conf")
        try Self.write("READ_INTERVAL=1s\nPUSH_INTERVAL=1s", to: Self.agentSettings)
        try Unit.controller.systemctl("enable", "--now")
        try Self.join()
        try Unit.agent.systemctl("enable", "--now")
    }

    /// Waits until both run and know the client, whatever a test before did.
    func awaitBoth() throws {
        for unit in Unit.both {
            try unit.systemctl("start")
            try #require(try eventually { try unit.isRunning() }, "\(unit.journal)")
        }
        try #require(try eventually { try booked() != nil }, "\(Unit.agent.journal)")
    }

    /// Sends `count` echo requests through the tunnel and expects answers.
    func ping(count: Int, size: Int = 700) throws {
        try Command.run(
            "ip", "netns", "exec", "client", "ping", "-n", "-q", "-i", "0.02", "-c", "\(count)",
            "-s", "\(size)", Self.inside)
    }

    func reachesServer() -> Bool {
        let words = ["ip", "netns", "exec", "client", "ping", "-c", "1", "-W", "3", Self.inside]
        return (try? Command.run(words)) != nil
    }

    /// What WireGuard counts for the client; nil where it has no such peer.
    func truth() throws -> Total? {
        let transfer = try Command.run("wg", "show", "wg0", "transfer")
        guard let line = transfer.split(separator: "\n").first(where: { $0.hasPrefix(key) })
        else { return nil }
        let fields = line.split(separator: "\t")
        return Total(
            sent: try #require(Int64(fields[1])), received: try #require(Int64(fields[2])))
    }

    /// What the controller has booked for the client; nil where it does not know it.
    func booked() throws -> Total? {
        let text = try Command.run("tollkeeper", "credential", "list", "--json")
        let list = try JSONDecoder().decode(CredentialList.self, from: Data(text.utf8))
        return list.credentials.first { $0.key == key }.map {
            Total(
                sent: $0.bytesSent + $0.baselineSent,
                received: $0.bytesReceived + $0.baselineReceived)
        }
    }

    /// What is counted and booked now, after a reading.
    func mark() throws -> Mark {
        try Command.run("tollkeeper", "server", "sync", "paris-1")
        return Mark(truth: try #require(try truth()), booked: try #require(try booked()))
    }

    /// Whether what is booked grows by what WireGuard counted since MARK; with a controller that
    /// may be starting.
    func isExact(since mark: Mark) throws -> Bool {
        try eventually(within: 30) {
            guard let truth = try truth(), let booked = try? booked() else { return false }
            return booked.sent - mark.booked.sent == truth.sent - mark.truth.sent
                && booked.received - mark.booked.received == truth.received - mark.truth.received
        }
    }

    /// Whether everything up to TRUTH is booked, and nothing that was not counted. What a client says
    /// 10 s after its last packet, an empty one, no agent may be there to read.
    func hasBooked(_ truth: Total, since mark: Mark) throws -> Bool {
        try eventually(within: 60) {
            guard let now = try self.truth(), let booked = try? booked() else { return false }
            let (sent, received) = (
                booked.sent - mark.booked.sent + mark.truth.sent,
                booked.received - mark.booked.received + mark.truth.received
            )
            return (truth.sent...now.sent).contains(sent)
                && (truth.received...now.received).contains(received)
        }
    }

    struct Mark {
        let truth: Total
        let booked: Total
    }

    static func write(_ text: String, to path: String) throws {
        try Data((text + "\n").utf8).write(to: URL(filePath: path))
    }

    private static func join() throws {
        struct Added: Decodable {
            var token: String
            var url: String
        }
        let text = try Command.run("tollkeeper", "server", "add", "paris-1", "--json")
        let added = try JSONDecoder().decode(Added.self, from: Data(text.utf8))
        try #require(added.url == "https://\(address):8440")
        try Command.run(
            "tollkeeper-agent", "join", added.url, "--token-file", "-", input: added.token + "\n")
    }

    /// A namespace with a cable to this host and the other end of the tunnel.
    private static func makeClient(_ keys: KeyPair, of server: KeyPair) throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(
            """
            [Interface]
            PrivateKey = \(keys.privateKey)
            [Peer]
            PublicKey = \(server.publicKey)
            Endpoint = \(address):51820
            AllowedIPs = 10.77.0.0/24

            """, to: "client.conf")
        let inClient = "-n client"
        for words in [
            "netns add client", "link add cable type veth peer name cable netns client",
            "address add \(address)/24 dev cable", "link set cable up",
            "\(inClient) address add 192.168.1.2/24 dev cable", "\(inClient) link set cable up",
            "\(inClient) link add wgc type wireguard",
        ] {
            try Command.run(["ip"] + words.split(separator: " ").map(String.init))
        }
        try Command.run("ip", "netns", "exec", "client", "wg", "setconf", "wgc", file)
        for words in [
            "address add 10.77.0.2/24 dev wgc", "link set wgc up",
        ] {
            try Command.run(["ip", "-n", "client"] + words.split(separator: " ").map(String.init))
        }
    }
}
