import ArgumentParser
import FoundationEssentials

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what the running agent knows.")

    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let folder = try place.load().stateFolder
        guard let bytes = try StatusSocket.ask(in: folder) else {
            throw AgentError(
                doing: "ask the agent",
                reason: "none runs on \(folder); start it with systemctl start tollkeeper-agent")
        }
        guard let status = try? JSONDecoder().decode(AgentStatus.self, from: Data(bytes)) else {
            throw AgentError(
                doing: "ask the agent", reason: String(decoding: bytes, as: UTF8.self))
        }
        print(json ? String(decoding: bytes, as: UTF8.self) : status.text)
    }
}

extension AgentStatus {
    /// Gathers the status and encodes it; a failure is told in its place.
    static func encoded(_ gather: () async throws -> AgentStatus) async -> [UInt8] {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(try await gather()))
        } catch {
            return Array("\(error)".utf8)
        }
    }

    /// The status for people.
    var text: String {
        var lines = [
            "tollkeeper-agent \(version), server \(server) (\(serverName)), mode \(mode)",
            "controller  \(controllers.joined(separator: ", ")): \(linkText)",
            "waiting     \(unsentRows) deltas unsent, \(unacknowledgedBatches) batches "
                + "unacknowledged",
            "revision    \(revision)",
            "last reading \(secondsSinceReading.map { "\(Int($0)) s ago" } ?? "none yet")",
        ]
        lines += meters.map { meter in
            "meter       \(meter.name) (\(meter.source)), \(meter.keys) keys"
                + (meter.fault.map { ": \($0)" } ?? "")
        }
        lines += meters.compactMap { meter in
            meter.contested.map { "contested   \(meter.name): \($0); totals are lower bounds" }
        }
        if meters.isEmpty { lines.append("meter       none found") }
        lines += shut.map { "shut        \($0.key) on \($0.meter) (\($0.state))" }
        lines += made.filter { $0.hasPrefix("table ") }
            .map { "table       \($0.dropFirst("table ".count))" }
        for file in files {
            lines.append("file        \(file.path): \(file.commentedOut.count) commented out")
            lines += file.faults.map { "not written \($0)" }
            if let note = file.note { lines.append("note        \(note)") }
        }
        lines += unmet.map { "not done    credential \($0.credential): \($0.detail)" }
        lines += notes.map { "note        \($0)" }
        if let ledgerFault { lines.append("ledger      \(ledgerFault)") }
        lines += faults.map { "not seen    \($0)" }
        return lines.joined(separator: "\n")
    }

    private var linkText: String {
        if let controllerFault { return controllerFault }
        guard let secondsSinceContact else { return "not reached yet" }
        return "answered \(Int(secondsSinceContact)) s ago"
    }
}
