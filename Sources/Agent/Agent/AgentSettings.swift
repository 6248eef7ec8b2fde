import Glibc

/// Where the agent's settings come from.
enum AgentSettings {
    static let usualFile = "/etc/tollkeeper/agent.conf"

    static var usualStateFolder: String {
        getenv("STATE_DIRECTORY").map { String(cString: $0) } ?? AgentOptions().stateFolder
    }

    static func load(file: String?) throws -> AgentOptions {
        AgentOptions()
    }
}
