import Foundation

/// A WireGuard server in a namespace of its own, and clients that are connected to it, each in
/// another namespace, with preshared keys and real traffic on request: on wireguard-go, and in
/// the guest on the kernel's WireGuard.
///
/// Everything that it made goes when nobody holds it any more, or with `close`.
package final class Tunnel {
    /// The server's namespace.
    package let namespace: Namespace
    /// The server's interface, unique on this host.
    package var interface: String { device.name }
    /// What the interfaces run on.
    package let kind: TunnelKind
    /// The server's keys.
    package let keys: KeyPair
    /// The UDP port that the server listens on.
    package let port = 51820
    /// The clients, in the order of their names.
    package private(set) var clients: [TunnelClient] = []

    private let device: TunnelDevice

    /// The server's address inside the tunnel.
    package static let address = "10.77.0.1"

    /// Makes a server with a connected client for each name; at most 250. `secrets` is a folder
    /// for their keys: a tunnel made with it again has the same.
    package init(
        clients names: [String], on kind: TunnelKind = .usual, secrets: String? = nil
    ) throws {
        self.kind = kind
        namespace = try Namespace()
        device = try TunnelDevice(kind, in: namespace)
        keys = try KeyPair(in: secrets.map { "\($0)/server" })
        for (index, name) in names.enumerated() {
            let file = secrets.map { "\($0)/\(name)" }
            clients.append(
                try TunnelClient(name: name, number: index + 1, of: self, secrets: file))
        }
        try configure()
    }

    /// The server's daemon; nil on the kernel's WireGuard, which needs none.
    package var daemon: Job? { device.daemon }

    /// The control socket of the server's daemon.
    package var socketPath: String { device.socketPath }

    /// The client of that name.
    package func client(_ name: String) throws -> TunnelClient {
        guard let client = clients.first(where: { $0.name == name }) else {
            throw CommandFailure(
                words: ["client", name], status: 1, output: "", errors: "there is none")
        }
        return client
    }

    /// The interface's configuration as `/etc/wireguard/NAME.conf` has it, with names.
    package var configuration: String {
        let head = """
            [Interface]
            PrivateKey = \(keys.privateKey)
            ListenPort = \(port)
            """
        return ([head] + clients.map(\.block)).joined(separator: "\n\n") + "\n"
    }

    /// Gives the interface its configuration anew, as `wg setconf` does at a start: counters of
    /// peers that stay start again. The configuration may be another, without what is `wg-quick`'s.
    package func configure(from text: String? = nil) throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(text ?? configuration, to: "server.conf")
        try namespace.run("wg", "setconf", interface, file)
        try namespace.run("ip", "address", "replace", "\(Self.address)/24", "dev", interface)
        try namespace.run("ip", "link", "set", interface, "up")
    }

    /// Brings back peers that the configuration has, as `wg syncconf` does; others' counters stay.
    package func synchronise() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(configuration, to: "server.conf")
        try namespace.run("wg", "syncconf", interface, file)
    }

    /// Kills the server's daemon, whose control socket stays behind as a stale file.
    package func killDaemon() {
        daemon?.signal(SIGKILL)
        daemon?.wait(limit: 5)
    }

    /// Takes the server's interface away, makes it anew and gives it its configuration: every
    /// counter starts again.
    package func restart(from text: String? = nil) throws {
        try device.restart()
        try configure(from: text)
    }

    /// Bytes received and sent per public key, in the words of `wg show INTERFACE transfer`.
    package func transfer() throws -> [String: (received: UInt64, sent: UInt64)] {
        var transfers: [String: (received: UInt64, sent: UInt64)] = [:]
        for line in try namespace.run("wg", "show", interface, "transfer").split(separator: "\n") {
            let fields = line.split(separator: "\t")
            guard fields.count == 3, let received = UInt64(fields[1]), let sent = UInt64(fields[2])
            else { continue }
            transfers[String(fields[0])] = (received, sent)
        }
        return transfers
    }

    /// Ends every process and deletes every namespace that this made.
    package func close() {
        for client in clients { client.close() }
        device.close()
        namespace.delete()
    }

    deinit {
        close()
    }
}

/// A Curve25519 key pair in base64, made by `wg`.
package struct KeyPair {
    /// The secret half.
    package let privateKey: String
    /// The public half.
    package let publicKey: String

    /// Makes a new pair, or takes the one that was kept in `file`.
    package init(in file: String? = nil) throws {
        privateKey = try Secret.text(in: file, from: "genkey")
        publicKey = try Command.run("wg", "pubkey", input: privateKey)
            .trimmingCharacters(in: .newlines)
    }
}

/// Secrets that `wg` makes.
enum Secret {
    /// A new secret, or the one that was kept in `file`.
    static func text(in file: String?, from verb: String) throws -> String {
        if let file, let kept = try? String(contentsOfFile: file, encoding: .utf8) { return kept }
        let text = try Command.run("wg", verb).trimmingCharacters(in: .newlines)
        if let file { try text.write(toFile: file, atomically: true, encoding: .utf8) }
        return text
    }
}
