import Foundation
import TestSupport
import Testing

/// A unit of systemd's on this machine.
struct Unit {
    static let agent = Unit(name: "tollkeeper-agent.service")
    static let controller = Unit(name: "tollkeeper.service")
    static let both = [agent, controller]

    let name: String

    /// Runs `systemctl VERB NAME`; what fails takes the unit's journal along.
    func systemctl(_ verb: String...) throws {
        do {
            try Command.run(["systemctl"] + verb + [name], limit: 300)
        } catch {
            Issue.record("\(error)\n\(journal)")
            throw error
        }
    }

    /// What systemd says of PROPERTY.
    func property(_ property: String) throws -> String {
        try Command.run("systemctl", "show", "--value", "--property", property, name)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func isRunning() throws -> Bool {
        try property("ActiveState") == "active" && property("SubState") == "running"
    }

    /// Its process; 0 while there is none.
    func pid() throws -> Int {
        Int(try property("MainPID")) ?? 0
    }

    /// How often systemd started it again of its own accord since it was last started by hand.
    func restarts() throws -> Int {
        try #require(Int(try property("NRestarts")))
    }

    /// FILE of its process in /proc.
    func proc(_ file: String) throws -> String {
        try String(contentsOfFile: "/proc/\(try pid())/\(file)", encoding: .utf8)
    }

    /// The field of /proc/PID/status.
    func status(_ field: String) throws -> [String] {
        let line = try proc("status").split(separator: "\n").first { $0.hasPrefix("\(field):") }
        return try #require(line).split(separator: "\t").dropFirst().map(String.init)
    }

    /// What systemd grants its process, and what the process uses, of open files.
    func fileLimits() throws -> [String] {
        let line = try proc("limits").split(separator: "\n").first {
            $0.hasPrefix("Max open files")
        }
        return try #require(line).split(separator: " ").dropFirst(3).prefix(2).map(String.init)
    }

    /// Adds LINES to its [Service] section until `reset`, and starts it again.
    func change(_ lines: String) throws {
        let folder = "/run/systemd/system/\(name).d"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        try "[Service]\n\(lines)\n".write(
            toFile: "\(folder)/test.conf", atomically: true, encoding: .utf8)
        try Command.run("systemctl", "daemon-reload")
        try systemctl("restart")
    }

    /// Takes what `change` added away, for its next start.
    func reset() throws {
        try FileManager.default.removeItem(atPath: "/run/systemd/system/\(name).d/test.conf")
        try Command.run("systemctl", "daemon-reload")
    }

    /// The last lines of its journal.
    var journal: String {
        let words = ["journalctl", "--no-pager", "--lines", "40", "--unit", name]
        return (try? Command.run(words)) ?? "no journal of \(name)"
    }
}
