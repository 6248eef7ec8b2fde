import API
import Foundation
import Glibc
import TestSupport

/// The tests that run both programs. They take turns: each needs the machine to itself.
import Testing

@Suite(.serialized) enum EndToEnd {}

/// A controller and an agent, both real processes, with a state folder each.
final class Fleet {
    let folder: TemporaryFolder
    let address: String
    private let interface: String
    private let agentEnvironment: [String: String]
    /// The namespace that both run in; nil for this process's.
    private let place: Namespace?
    private(set) var controller: Job
    private(set) var agent: Job?

    var controllerFolder: String { "\(folder.path)/controller" }
    /// The interface's configuration file.
    var configurationFile: String { "\(folder.path)/wireguard/\(interface).conf" }
    var agentFolder: String { "\(folder.path)/agent" }

    /// Starts a controller on `port` or a free one. The agent, once it is joined and started,
    /// meters `tunnel`'s interface alone, and reads and pushes every `interval`.
    ///
    /// `folder` holds the state folders of both; a new one goes with the fleet. Both run in `place`
    /// where it is given.
    init(
        _ tunnel: Tunnel, listen: String = "127.0.0.1", port: UInt16? = nil,
        interval: String = "500ms", in folder: TemporaryFolder? = nil,
        settings: [String: String] = [:], inside place: Namespace? = nil
    ) throws {
        let folder = try folder ?? TemporaryFolder()
        self.folder = folder
        self.place = place
        interface = tunnel.interface
        address = "\(listen):\(try port ?? Self.freePort())"
        try FileManager.default.createDirectory(
            atPath: "\(folder.path)/wireguard", withIntermediateDirectories: true)
        try folder.write(tunnel.configuration, to: "wireguard/\(tunnel.interface).conf")
        agentEnvironment = [
            "TOLLKEEPER_AGENT_WIREGUARD": interface,
            "TOLLKEEPER_AGENT_NAMESPACES":
                tunnel.kind == .kernel ? tunnel.namespace.name : "none",
            "TOLLKEEPER_AGENT_CONTAINERS": "none",
            "TOLLKEEPER_AGENT_PORTS": "none",
            "TOLLKEEPER_AGENT_READ_INTERVAL": interval,
            "TOLLKEEPER_AGENT_PUSH_INTERVAL": interval,
            "TOLLKEEPER_AGENT_WIREGUARD_FOLDER": "\(folder.path)/wireguard",
        ].merging(settings) { $1 }
        controller = try Self.serve("\(folder.path)/controller", address, place)
        try waitForController()
    }

    deinit {
        agent?.stop()
        controller.stop()
    }

    // MARK: The controller

    /// Starts the controller, and waits until it answers unless told otherwise.
    func startController(waiting: Bool = true) throws {
        controller = try Self.serve(controllerFolder, address, place)
        if waiting { try waitForController() }
    }

    func killController() {
        controller.signal(SIGKILL)
        controller.wait(limit: 5)
    }

    /// Runs `tollkeeper WORDS --json` and returns its output.
    @discardableResult
    func tollkeeper(_ words: String...) throws -> String {
        let all = words + ["--state-dir", controllerFolder, "--json"]
        return try Command.run([Command.built("tollkeeper")] + all)
    }

    /// Starts `tollkeeper WORDS --json` beside the test.
    func start(_ words: String...) throws -> Job {
        try Job(
            [Command.built("tollkeeper")] + words + ["--state-dir", controllerFolder, "--json"])
    }

    /// The exit status and the words of a command that may fail.
    func attempt(_ words: String...) throws -> (status: Int32, output: String, errors: String) {
        let all = [Command.built("tollkeeper")] + words + ["--state-dir", controllerFolder]
        let job = try Job(all)
        let status = job.wait(limit: 60) ?? -1
        return (status, job.output, job.errors)
    }

    func clients() throws -> [String: ClientInfo] {
        let text = try tollkeeper("client", "list")
        let list = try JSONDecoder().decode(ClientList.self, from: Data(text.utf8))
        return Dictionary(uniqueKeysWithValues: list.clients.map { ($0.name, $0) })
    }

    func credentials() throws -> [CredentialInfo] {
        let text = try tollkeeper("credential", "list")
        return try JSONDecoder().decode(CredentialList.self, from: Data(text.utf8)).credentials
    }

    // MARK: The agent

    /// Adds a server and joins it at `host`, or at the address that the controller named.
    func join(at host: String? = nil) throws {
        struct Added: Decodable {
            var token: String
            var url: String
        }
        let added = try JSONDecoder().decode(
            Added.self, from: Data(try tollkeeper("server", "add", "host").utf8))
        let port = address.split(separator: ":").last ?? ""
        let url = host.map { "https://\($0):\(port)" } ?? added.url
        try Command.run(
            inside([
                Command.built("tollkeeper-agent"), "join", url, "--token-file", "-",
                "--state-dir", agentFolder,
            ]), input: added.token + "\n")
    }

    /// Starts the agent, through `wrapper` where that is given, with further `options`.
    func startAgent(
        through wrapper: [String] = [], options: [String] = [], environment: [String: String] = [:]
    ) throws {
        let program = [Command.built("tollkeeper-agent"), "run", "--state-dir", agentFolder]
        agent = try Job(
            inside(wrapper + program + options),
            environment: agentEnvironment.merging(environment) { $1 })
    }

    func killAgent() {
        agent?.signal(SIGKILL)
        agent?.wait(limit: 5)
    }

    func stopAgent() {
        agent?.stop(grace: 10)
    }

    /// Runs `tollkeeper-agent WORDS` with the agent's settings.
    func tollkeeperAgent(
        _ words: String..., environment: [String: String] = [:]
    ) throws -> (status: Int32, output: String, errors: String) {
        let all = [Command.built("tollkeeper-agent")] + words + ["--state-dir", agentFolder]
        let job = try Job(inside(all), environment: agentEnvironment.merging(environment) { $1 })
        let status = job.wait(limit: 60) ?? -1
        return (status, job.output, job.errors)
    }

    // MARK: Parts

    private static func serve(
        _ folder: String, _ address: String, _ place: Namespace?
    ) throws -> Job {
        let words = [
            Command.built("tollkeeper"), "serve", "--state-dir", folder, "--listen", address,
        ]
        return try Job(place?.inside(words) ?? words)
    }

    private func inside(_ words: [String]) -> [String] { place?.inside(words) ?? words }

    private func waitForController() throws {
        let isUp = try eventually(within: 30) {
            guard controller.isRunning else { return true }
            return try attempt("server", "list").status == 0
        }
        guard isUp, controller.isRunning else {
            throw CommandFailure(
                words: ["tollkeeper", "serve"], status: -1, output: controller.output,
                errors: controller.errors)
        }
    }

    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0
                    && getsockname(descriptor, address, &length) == 0
            }
        }
        guard result else { throw POSIXError(.EADDRINUSE) }
        return UInt16(bigEndian: address.sin_port)
    }
}
