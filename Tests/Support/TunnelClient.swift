import Foundation

/// A client of a `Tunnel`: a device in a namespace of its own, joined to the server by a veth pair.
package final class TunnelClient {
    /// What the configuration file calls it.
    package let name: String
    /// Its namespace: whatever runs there reaches the server's address through the tunnel.
    package let namespace: Namespace
    /// Its WireGuard interface, unique on this host.
    package var interface: String { device.name }
    /// Its keys.
    package let keys: KeyPair
    /// The secret that it shares with the server beside the keys, in base64.
    package let presharedKey: String
    /// Its tunnel address, without a prefix length.
    package let address: String

    private let device: TunnelDevice
    private let server: Namespace

    init(name: String, number: Int, of tunnel: Tunnel, secrets: String?) throws {
        self.name = name
        namespace = try Namespace()
        device = try TunnelDevice(tunnel.kind, in: namespace)
        server = tunnel.namespace
        keys = try KeyPair(in: secrets)
        presharedKey = try Secret.text(in: secrets.map { "\($0).shared" }, from: "genpsk")
        address = "10.77.0.\(number + 1)"
        try joinByVeth(number, to: tunnel.namespace)
        try configure(for: tunnel, at: "192.168.\(number).1")
    }

    /// Its block in the server's configuration.
    package var block: String {
        """
        [Peer]
        # \(name)
        PublicKey = \(keys.publicKey)
        PresharedKey = \(presharedKey)
        AllowedIPs = \(address)/32
        """
    }

    /// Sends `count` echo requests of `size` bytes of data through the tunnel and returns how many
    /// answers came within `limit` seconds.
    @discardableResult
    package func ping(count: Int = 3, size: Int = 500, limit: Int = 5) throws -> Int {
        try ping(from: namespace, to: Tunnel.address, count: count, size: size, limit: limit)
    }

    /// Whether anything comes back through the tunnel within `limit` seconds.
    package func reachesServer(limit: Int = 2) throws -> Bool {
        try ping(count: 1, limit: limit) > 0
    }

    /// Whether the server, which speaks first, gets an answer within `limit` seconds.
    package func isReachedByServer(limit: Int = 2) throws -> Bool {
        try ping(from: server, to: address, count: 1, size: 500, limit: limit) > 0
    }

    /// Sends an echo request of `size` bytes of data every 50 ms for as long as the job runs.
    package func pingSteadily(size: Int = 500) throws -> Job {
        try namespace.start("ping", "-n", "-q", "-i", "0.05", "-s", "\(size)", Tunnel.address)
    }

    /// As `pingSteadily`, from the server to this client.
    package func isPingedSteadily(size: Int = 500) throws -> Job {
        try server.start("ping", "-n", "-q", "-i", "0.05", "-s", "\(size)", address)
    }

    private func ping(
        from place: Namespace, to address: String, count: Int, size: Int, limit: Int
    ) throws -> Int {
        let words = [
            "ping", "-n", "-q", "-i", "0.02", "-c", "\(count)", "-s", "\(size)", "-w", "\(limit)",
            address,
        ]
        let job = try Job(place.inside(words))
        job.wait(limit: Double(limit + 5))
        let counts = job.output.firstMatch(of: /(\d+) packets transmitted, (\d+) received/)
        guard let counts, let answers = Int(counts.2) else {
            throw CommandFailure(words: words, status: -1, output: job.output, errors: job.errors)
        }
        return answers
    }

    /// Sends `count` datagrams of `size` bytes to the server's address: traffic in one direction.
    package func send(count: Int, size: Int = 1000) throws {
        let script = """
            exec 3>/dev/udp/\(Tunnel.address)/9
            data=$(printf '%*s' \(size) '')
            for ((i = 0; i < \(count); i++)); do printf '%s' "$data" >&3 || true; done
            """
        try namespace.run("bash", "-c", script)
    }

    func close() {
        device.close()
        namespace.delete()
    }

    private func joinByVeth(_ number: Int, to server: Namespace) throws {
        let near = Unique.interface()
        let far = Unique.interface()
        try Command.run(
            "ip", "link", "add", near, "netns", namespace.name, "type", "veth", "peer", "name", far,
            "netns", server.name)
        for (place, device, last) in [(namespace, near, 2), (server, far, 1)] {
            let address = "192.168.\(number).\(last)/24"
            try place.run("ip", "address", "add", address, "dev", device)
            try place.run("ip", "link", "set", device, "up")
        }
    }

    private func configure(for tunnel: Tunnel, at endpoint: String) throws {
        let folder = try TemporaryFolder()
        let text = """
            [Interface]
            PrivateKey = \(keys.privateKey)
            [Peer]
            PublicKey = \(tunnel.keys.publicKey)
            PresharedKey = \(presharedKey)
            Endpoint = \(endpoint):\(tunnel.port)
            AllowedIPs = 10.77.0.0/24
            """
        let file = try folder.write(text + "\n", to: "client.conf")
        try namespace.run("wg", "setconf", interface, file)
        try namespace.run("ip", "address", "add", "\(address)/32", "dev", interface)
        try namespace.run("ip", "link", "set", interface, "up")
        try namespace.run("ip", "route", "add", "10.77.0.0/24", "dev", interface)
    }
}
