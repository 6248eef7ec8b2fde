import Foundation

/// A WireGuard server on wireguard-go in a namespace of its own, and clients that are connected
/// to it, each in another namespace, with preshared keys and real traffic on request.
///
/// Everything that it made goes when nobody holds it any more, or with `close`.
package final class Tunnel {
    /// The server's namespace.
    package let namespace: Namespace
    /// The server's interface, unique on this host.
    package let interface: String
    /// The server's keys.
    package let keys: KeyPair
    /// The UDP port that the server listens on.
    package let port = 51820
    /// The clients, in the order of their names.
    package private(set) var clients: [TunnelClient] = []
    /// The server's daemon.
    package private(set) var daemon: Job

    /// The server's address inside the tunnel.
    package static let address = "10.77.0.1"

    /// Makes a server with a connected client for each name; at most 250.
    package init(clients names: [String]) throws {
        namespace = try Namespace()
        interface = Unique.interface()
        keys = try KeyPair()
        daemon = try Self.startDaemon(interface, in: namespace)
        for (index, name) in names.enumerated() {
            clients.append(try TunnelClient(name: name, number: index + 1, of: self))
        }
        try configure()
    }

    /// The control socket of the server's daemon.
    package var socketPath: String { Self.socketPath(of: interface) }

    static func socketPath(of interface: String) -> String {
        "/var/run/wireguard/\(interface).sock"
    }

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
    /// peers that stay start again.
    package func configure() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(configuration, to: "server.conf")
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
        daemon.signal(SIGKILL)
        daemon.wait(limit: 5)
    }

    /// Starts the daemon again and gives the interface its configuration.
    package func restartDaemon() throws {
        daemon.stop()
        daemon = try Self.startDaemon(interface, in: namespace)
        try configure()
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
        daemon.stop()
        namespace.delete()
        unlink(socketPath)
    }

    deinit {
        close()
    }

    static func startDaemon(_ interface: String, in namespace: Namespace) throws -> Job {
        unlink(socketPath(of: interface))
        let daemon = try namespace.start("wireguard-go", "-f", interface)
        let isUp = try eventually {
            guard daemon.isRunning else { return true }
            return try Command.run("wg", "show", "interfaces").contains(interface)
        }
        guard isUp, daemon.isRunning else {
            throw CommandFailure(
                words: ["wireguard-go", "-f", interface], status: 1, output: daemon.output,
                errors: daemon.errors)
        }
        return daemon
    }
}

/// A Curve25519 key pair in base64, made by `wg`.
package struct KeyPair {
    /// The secret half.
    package let privateKey: String
    /// The public half.
    package let publicKey: String

    /// Makes a new pair.
    package init() throws {
        privateKey = try Command.run("wg", "genkey").trimmingCharacters(in: .newlines)
        publicKey = try Command.run("wg", "pubkey", input: privateKey)
            .trimmingCharacters(in: .newlines)
    }
}
