import Accounting
import FoundationEssentials
import Glibc
import Logging
import Meters
import Settings

/// The agent's settings: their names, their defaults, and how they are read.
enum AgentSettings {
    static let usualFile = "/etc/tollkeeper/agent.conf"

    private static let intervals = Duration.milliseconds(100)...Duration.seconds(3_600)

    private static let mode = SettingKey<AgentOptions.Mode>.choice(
        "MODE", default: .enforce,
        about: "enforce opens and shuts what the controller asks for; observe only counts.")
    private static let persist = SettingKey<AgentOptions.Persist>.choice(
        "PERSIST", default: .auto,
        about: "auto keeps a shut in the interface's configuration file too; off does not.")
    private static let controllers = SettingKey<[String]>.list(
        "CONTROLLER", expected: "addresses such as https://HOST:8440, between commas",
        about: "The controller's addresses, tried in order; those joined with where empty.",
        isRight: { (try? ControllerURL.check($0)) != nil })
    private static let proxy = SettingKey<String>.string(
        "PROXY", expected: "http://HOST:PORT or socks5h://HOST:PORT",
        about: "A proxy on the way to the controller.")
    private static let readInterval = SettingKey<Duration>.duration(
        "READ_INTERVAL", default: "10s", in: intervals, about: "How often meters are read.")
    private static let pushInterval = SettingKey<Duration>.duration(
        "PUSH_INTERVAL", default: "10s", in: intervals, about: "How often deltas are pushed.")
    private static let wireguard = SettingKey<[String]>.list(
        "WIREGUARD", expected: "interface names between commas",
        about: "The WireGuard interfaces to meter; every one where empty.")
    private static let wireguardFolder = SettingKey<String>.string(
        "WIREGUARD_FOLDER", default: "/etc/wireguard", expected: "a folder's full path",
        about: "Where the interfaces' configuration files are.")
    private static let amneziaFolder = SettingKey<String>.string(
        "AMNEZIAWG_FOLDER", default: "/etc/amnezia/amneziawg", expected: "a folder's full path",
        about: "The same for AmneziaWG's interfaces.")
    private static let namespaces = SettingKey<[String]>.list(
        "NAMESPACES", expected: "names of network namespaces between commas, or none",
        about: "The named network namespaces to look into; every one where empty.")
    private static let ports = SettingKey<PortOptions>(
        "PORTS", default: "", expected: PortOptions.expectedPorts,
        about: "The ports and addresses to count; the host's own rules are read all the same.",
        parse: { PortOptions(ports: $0) })
    private static let portClients = SettingKey<[PortKey: String]>(
        "PORT_CLIENTS", default: "", expected: PortOptions.expectedClients,
        about: "Whose ports they are.", parse: PortOptions.clients)
    private static let spoolLimit = SettingKey<UInt64>.size(
        "SPOOL_LIMIT", default: "64MB", in: (1 << 20)...(1 << 40),
        about: "How much disk deltas that wait to be sent may take; then they share coarser hours.")
    private static let containers = SettingKey<[String]>.list(
        "CONTAINERS", expected: "names of containers between commas, or none",
        about: "The containers to look into; every one where empty.")
    private static let dockerSocket = SettingKey<String>.string(
        "DOCKER_SOCKET", default: ContainerFinder.usualSocket, expected: "a socket's full path",
        about: "Where Docker listens, which knows the containers' names.")
    private static let logLevel = SettingKey<Logger.Level>.choice(
        "LOG_LEVEL", default: .info, about: "The least important messages that are logged.")

    /// Every key, in the order of the reference file.
    static let table = SettingsTable(
        prefix: "TOLLKEEPER_AGENT_",
        keys: [
            mode, persist, controllers, proxy, readInterval, pushInterval, wireguard,
            wireguardFolder, amneziaFolder, namespaces, containers,
            dockerSocket, ports, portClients, spoolLimit, logLevel,
        ],
        otherVariables: ["TOLLKEEPER_AGENT_TOKEN"])

    /// `$STATE_DIRECTORY` as systemd gives it, else `/var/lib/tollkeeper-agent`.
    static var usualStateFolder: String {
        getenv("STATE_DIRECTORY").map { String(cString: $0) } ?? AgentOptions().stateFolder
    }

    /// Reads the settings: the environment before the file. A file that is named must be there.
    static func load(
        file: String?, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> AgentOptions {
        let settings = try SettingsFile.read(file ?? usualFile, mustExist: file != nil)
        let values = try SettingsValues(table, environment: environment, file: settings)
        var options = AgentOptions()
        options.mode = try values.required(mode)
        options.persist = try values.required(persist)
        options.controllers = try values.required(controllers).map(ControllerURL.check)
        options.proxy = try values.optional(proxy)
        options.readInterval = try values.required(readInterval)
        options.pushInterval = try values.required(pushInterval)
        options.wireguard = try values.limit(wireguard)
        options.configurationFolder = try values.required(wireguardFolder)
        options.amneziaFolder = try values.required(amneziaFolder)
        options.namespaces = try values.limit(namespaces)
        options.ports = try values.required(ports)
        options.ports.clients = try values.required(portClients)
        options.spoolLimit = try values.required(spoolLimit)
        options.containers = try values.limit(containers)
        options.dockerSocket = try values.required(dockerSocket)
        options.logLevel = try values.required(logLevel).rawValue
        return options
    }
}

extension SettingsValues {
    /// A list that limits what discovery finds: empty limits nothing, `none` everything.
    fileprivate func limit(_ key: SettingKey<[String]>) throws -> [String]? {
        let names = try required(key)
        if names == ["none"] { return [] }
        return names.isEmpty ? nil : names
    }
}
