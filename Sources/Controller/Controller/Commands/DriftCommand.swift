import API
import ArgumentParser
import Foundation

/// `tollkeeper server drift`
struct ServerDriftCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "drift",
        abstract: "What a server's clients were charged, beside what its devices carried.",
        discussion: """
            Hour by hour, the last day where nothing else is said. A kernel device counts all that \
            its peers send and receive, those included that somebody else removes between two \
            readings: what it carried beyond what was charged is such traffic, what was held back, \
            or handshakes of a removal. Userspace devices count something else and have none.
            """)

    @Argument(help: ArgumentHelp("NAME or id:3.", valueName: "SERVER"))
    var server: String

    @Option(help: ArgumentHelp("How many hours back, at most 744.", valueName: "N"))
    var hours: Int = 24

    @OptionGroup var sizes: SizeOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (1...744).contains(hours) else {
            throw ValidationError("--hours: 1 to 744 are expected")
        }
    }

    func perform(in world: World, through connection: Connection) async throws {
        let id = try await connection.server(server).id
        let end = Int64(Date().timeIntervalSince1970) + 1
        let query = [("from", "\(max(end - Int64(hours) * 3600, 0))"), ("to", "\(end)")]
        let answer = try await connection.call("GET", "/api/servers/\(id)/drift", query)
        guard !common.json else { return world.out(answer.line) }
        world.out(
            table(try answer.decode(DriftAnswer.self).drift).text(isColoured: world.isColoured))
    }

    private func table(_ drift: [MeterDrift]) -> Table {
        var table = Table(
            .text("HOUR"), .text("METER"), .number("SENT"), .number("OBSERVED"),
            .number("RECEIVED"), .number("OBSERVED"))
        for row in drift {
            table.add(
                .init(row.start.description), .init(row.meter),
                .init(sizes.format.text(row.chargedSent)), .init(observed(row.observedSent)),
                .init(sizes.format.text(row.chargedReceived)),
                .init(observed(row.observedReceived)))
        }
        return table
    }

    private func observed(_ bytes: Int64?) -> String {
        bytes.map { sizes.format.text($0) } ?? "-"
    }
}
