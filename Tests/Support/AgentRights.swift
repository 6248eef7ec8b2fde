import Foundation

/// The capabilities that the agent has as a service.
package enum AgentRights {
    /// The words that run a program as root with the capabilities of the agent's unit and of further
    /// files in `systemd`, and with no others.
    package static func wrapper(_ dropIns: String...) throws -> [String] {
        let names = try (["tollkeeper-agent.service"] + dropIns).flatMap(capabilities)
        let set = (["-all"] + names.map { "+\($0)" }).joined(separator: ",")
        return ["setpriv", "--bounding-set=\(set)", "--inh-caps=-all"]
    }

    /// What `CapabilityBoundingSet` lines of a file give, in setpriv's words.
    private static func capabilities(of file: String) throws -> [String] {
        let path = Guest.repository.appending(path: "systemd/\(file)").path
        let key = "CapabilityBoundingSet="
        return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            .filter { $0.hasPrefix(key) }
            .flatMap { $0.dropFirst(key.count).split(separator: " ") }
            .map { $0.replacing("CAP_", with: "").lowercased() }
    }
}
