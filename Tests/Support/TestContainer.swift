package import Foundation

/// A container laid out as Amnezia's: mount, network and process namespaces of its own, its own
/// root, `/var/run` an absolute link, `/opt/amnezia/awg` with its files, and a daemon with a control
/// socket as its first process.
///
/// The daemon is wireguard-go in amneziawg-go's place, which speaks the same but for more lines.
package final class TestContainer {
    /// Its interface.
    package let interface: String
    /// The folder that is its root.
    package let root: String
    /// The UDP port that its interface listens on.
    package let port = 51820

    private let folder: TemporaryFolder
    private let keys: KeyPair
    private var job: Job?
    /// Its configuration, below its root.
    package var file: String { "opt/amnezia/awg/\(interface).conf" }

    /// Its address inside the tunnel.
    package static let address = "10.78.0.1"

    /// Makes a container whose daemon has an interface of that name, and starts it.
    package init(interface: String = "awg0") throws {
        self.interface = interface
        folder = try TemporaryFolder()
        root = folder.path
        keys = try KeyPair()
        for path in [
            "run/amneziawg", "run/wireguard", "opt/amnezia/awg", "var", "tmp", "proc", "usr", "etc",
            "dev",
        ] {
            try FileManager.default.createDirectory(
                atPath: "\(root)/\(path)", withIntermediateDirectories: true)
        }
        try link("var/run", to: "/run")
        for name in ["bin", "lib", "lib64", "sbin"] { try link(name, to: "usr/\(name)") }
        try write(
            "[Interface]\nPrivateKey = \(keys.privateKey)\nListenPort = \(port)\nJc = 3\n\n",
            to: file)
        try start()
    }

    deinit { stop() }

    /// The host's number of its first process; 0 while it does not run.
    package private(set) var process: pid_t = 0

    /// The words that run `words` in it.
    package func inside(_ words: [String]) -> [String] {
        ["nsenter", "-t", "\(process)", "-m", "-n", "-p", "-r", "-w"] + words
    }

    /// Makes a symbolic link in it.
    package func link(_ path: String, to target: String) throws {
        let link = "\(root)/\(path)"
        unlink(link)
        guard symlink(target, link) == 0 else { throw POSIXError(.EIO) }
    }

    /// Writes a file in it.
    package func write(_ text: String, to path: String) throws {
        try folder.write(text, to: path)
    }

    /// What a file in it says.
    package func text(of path: String) throws -> String {
        try String(contentsOfFile: "\(root)/\(path)", encoding: .utf8)
    }

    /// Stops its first process in its tracks, as `docker pause` does, or lets it go on. Returns once
    /// every thread of it has stopped.
    package func pause(_ isPaused: Bool) {
        kill(process, isPaused ? SIGSTOP : SIGCONT)
        _ = eventually { !isPaused || Self.isStopped(process) }
    }

    private static func isStopped(_ process: pid_t) -> Bool {
        let folder = "/proc/\(process)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return threads.allSatisfy { thread in
            let path = "\(folder)/\(thread)/stat"
            return (try? String(contentsOfFile: path, encoding: .utf8))?.contains(") T ") ?? true
        }
    }

    /// Adds a client to its configuration and its interface, as Amnezia's app does.
    package func add(_ client: KeyPair, presharedKey: String, address: String) throws {
        let block = """
            [Peer]
            PublicKey = \(client.publicKey)
            PresharedKey = \(presharedKey)
            AllowedIPs = \(address)/32


            """
        try write(try text(of: file) + block, to: file)
        try configure("syncconf")
    }

    /// Bytes received and sent per public key, as `wg show INTERFACE transfer` has them.
    package func transfer() throws -> [String: (received: UInt64, sent: UInt64)] {
        var transfers: [String: (received: UInt64, sent: UInt64)] = [:]
        for line in try wg("show", interface, "transfer").split(separator: "\n") {
            let fields = line.split(separator: "\t")
            guard fields.count == 3, let received = UInt64(fields[1]), let sent = UInt64(fields[2])
            else { continue }
            transfers[String(fields[0])] = (received, sent)
        }
        return transfers
    }

    /// The server's public key.
    package var publicKey: String { keys.publicKey }

    /// Ends it; its files stay.
    package func stop() {
        guard let job else { return }
        if process > 0 { kill(process, SIGKILL) }
        job.wait(limit: 5)
        self.job = nil
        process = 0
    }

    /// Starts it again: new namespaces, a new process, counters from zero, the same files.
    package func start() throws {
        // `unshare` makes the daemon the first process. Where it puts its socket is amneziawg-go's
        // folder, until it listens.
        try? FileManager.default.removeItem(atPath: "\(root)/run/amneziawg/\(interface).sock")
        // After it has made its socket wireguard-go looks for it twice more, and ends where nothing
        // is there: by then that folder may be uncovered already.
        try link("run/wireguard/\(interface).sock", to: "/dev/null")
        let script = """
            set -e
            mount --bind "\(root)" "\(root)"
            for name in usr etc dev; do mount --rbind /$name "\(root)/$name"; done
            mount -t proc proc "\(root)/proc"
            mount --bind "\(root)/run/amneziawg" "\(root)/run/wireguard"
            exec chroot "\(root)" /usr/bin/wireguard-go -f \(interface)
            """
        let job = try Job([
            "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child=KILL",
            "--propagation", "private", "bash", "-c", script,
        ])
        self.job = job
        let isUp = eventually(within: 20) {
            guard job.isRunning else { return true }
            process = Self.child(of: job.pid) ?? 0
            return process > 0
                && FileManager.default.fileExists(
                    atPath: "\(root)/run/amneziawg/\(interface).sock")
        }
        guard isUp, job.isRunning else {
            throw CommandFailure(
                words: ["unshare"], status: 1, output: job.output, errors: job.errors)
        }
        try Command.run(inside(["/usr/bin/umount", "-l", "/run/wireguard"]))
        do {
            try configure("setconf")
        } catch {
            // Where the daemon has ended, it says why.
            job.wait(limit: 1, killing: false)
            throw CommandFailure(
                words: ["wireguard-go"], status: job.wait(limit: 0, killing: false) ?? -1,
                output: job.output, errors: "\(error)\n\(job.errors)")
        }
        try Command.run(inside(["/usr/sbin/ip", "link", "set", "lo", "up"]))
        try Command.run(
            inside(["/usr/sbin/ip", "address", "add", "\(Self.address)/24", "dev", interface]))
        try Command.run(inside(["/usr/sbin/ip", "link", "set", interface, "up"]))
    }

    /// Gives the interface what its file says, as the container's `start.sh` and the app do.
    private func configure(_ verb: String) throws {
        // wg does not know AmneziaWG's settings.
        let plain = try text(of: file).split(separator: "\n").filter { !$0.hasPrefix("Jc") }
        try write(plain.joined(separator: "\n") + "\n", to: "tmp/plain.conf")
        try wg(verb, interface, "/tmp/plain.conf")
    }

    /// Runs `wg` in it, which alone sees the socket where it looks for it.
    @discardableResult
    private func wg(_ words: String...) throws -> String {
        let script = "mount --bind /run/amneziawg /run/wireguard; exec wg \"$@\""
        let shell = ["/usr/bin/unshare", "--mount", "/usr/bin/bash", "-ec", script, "wg"]
        return try Command.run(inside(shell + words))
    }

    private static func child(of process: pid_t) -> pid_t? {
        let path = "/proc/\(process)/task/\(process)/children"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: " ").first.flatMap { pid_t($0) }
    }
}

/// A client of a `TestContainer`, joined to it by a veth pair: whatever runs in its namespace reaches
/// the container's tunnel address.
package final class ContainerClient {
    package let keys: KeyPair
    package let presharedKey: String
    package let address: String
    private let namespace: Namespace
    private let interface = Unique.interface()
    private let daemon: Job

    /// Adds itself to the container and connects.
    package init(of container: TestContainer, number: Int = 1) throws {
        keys = try KeyPair()
        presharedKey = try Command.run("wg", "genpsk").trimmingCharacters(in: .newlines)
        address = "10.78.0.\(number + 1)"
        namespace = try Namespace()
        let name = interface
        let daemon = try namespace.start("wireguard-go", "-f", name)
        self.daemon = daemon
        guard
            try eventually(
                within: 20, { try Command.run("wg", "show", "interfaces").contains(name) })
        else {
            throw CommandFailure(
                words: ["wireguard-go"], status: 1, output: daemon.output, errors: daemon.errors)
        }
        try container.add(keys, presharedKey: presharedKey, address: address)
        try join(container, number)
    }

    deinit { close() }

    /// Ends it.
    package func close() {
        daemon.stop()
        unlink("/var/run/wireguard/\(interface).sock")
        namespace.delete()
    }

    /// Joins the container, also one that was started anew.
    package func join(_ container: TestContainer, _ number: Int = 1) throws {
        let (near, far) = (Unique.interface(), Unique.interface())
        try Command.run(
            "ip", "link", "add", near, "netns", namespace.name, "type", "veth", "peer", "name", far,
            "netns", "\(container.process)")
        try namespace.run("ip", "address", "add", "192.168.\(number).2/24", "dev", near)
        try namespace.run("ip", "link", "set", near, "up")
        for words in [
            ["address", "add", "192.168.\(number).1/24", "dev", far], ["link", "set", far, "up"],
        ] { try Command.run(container.inside(["/usr/sbin/ip"] + words)) }
        let folder = try TemporaryFolder()
        let text = """
            [Interface]
            PrivateKey = \(keys.privateKey)
            [Peer]
            PublicKey = \(container.publicKey)
            PresharedKey = \(presharedKey)
            Endpoint = 192.168.\(number).1:\(container.port)
            AllowedIPs = 10.78.0.0/24
            """
        let file = try folder.write(text + "\n", to: "client.conf")
        try namespace.run("wg", "setconf", interface, file)
        try namespace.run("ip", "address", "replace", "\(address)/32", "dev", interface)
        try namespace.run("ip", "link", "set", interface, "up")
        try namespace.run("ip", "route", "replace", "10.78.0.0/24", "dev", interface)
    }

    /// How many of `count` echo requests are answered within `limit` seconds.
    @discardableResult
    package func ping(count: Int = 3, size: Int = 500, limit: Int = 5) throws -> Int {
        let job = try Job(
            namespace.inside([
                "ping", "-n", "-q", "-i", "0.02", "-c", "\(count)", "-s", "\(size)", "-w",
                "\(limit)", TestContainer.address,
            ]))
        job.wait(limit: Double(limit + 5))
        let counts = job.output.firstMatch(of: /(\d+) packets transmitted, (\d+) received/)
        return counts.flatMap { Int($0.2) } ?? 0
    }
}
