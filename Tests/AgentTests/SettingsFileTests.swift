import Foundation
import Settings
import Testing

@testable import Agent

@Suite struct SettingsFileTests {
    /// The reference file that is installed, with every key in it taken out of its comment.
    @Test func theReferenceFileHasEveryKeyAndNoOther() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let reference = try String(
            contentsOf: root.appending(path: "systemd/agent.conf"), encoding: .utf8)
        _ = try SettingsFile(text: reference, name: "agent.conf")
        let keys = reference.split(separator: "\n").compactMap { line in
            line.firstMatch(of: /^#([A-Z_]+)=/).map { String($0.1) }
        }
        #expect(keys.sorted() == AgentSettings.table.keys.map(\.name).sorted())
        let text = reference.split(separator: "\n").map { line in
            line.firstMatch(of: /^#([A-Z_]+=.+)/).map { String($0.1) } ?? ""
        }
        let file = try SettingsFile(text: text.joined(separator: "\n"), name: "agent.conf")
        _ = try SettingsValues(AgentSettings.table, file: file)
    }

    @Test func theEnvironmentOverridesTheFile() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "agent-\(UUID())").path
        try "MODE=observe\nREAD_INTERVAL=5s\nNAMESPACES=none\n".write(
            toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let options = try AgentSettings.load(
            file: path, environment: ["TOLLKEEPER_AGENT_READ_INTERVAL": "2s"])
        #expect(options.mode == .observe)
        #expect(options.readInterval == .seconds(2))
        #expect(options.pushInterval == .seconds(10))
        #expect(options.namespaces == [])
        #expect(options.wireguard == nil)
    }

    @Test(arguments: [
        "MODE=maybe", "READ_INTERVAL=0s", "READ_INTERVAL=10", "CONTROLLER=http://203.0.113.5",
        "LOG_LEVEL=loud", "SPOOL_LIMIT=1KB", "SPOOL_LIMIT=lots", "NONSENSE=1", "MODE",
        "MODE=observe\nMODE=enforce",
    ])
    func whatIsWrongIsRefusedWithItsLine(_ text: String) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "agent-\(UUID())").path
        try (text + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let error = #expect(throws: SettingsError.self) {
            try AgentSettings.load(file: path, environment: [:])
        }
        #expect(error?.place.hasPrefix("\(path):") == true)
    }
}
