import ArgumentParser
import Foundation
import Glibc
import NIOPosix
import Store

/// A swarm of simulated agents, for `make bench`. It does what lines of standard input say and
/// answers each with a line of JSON.
@main
struct SwarmCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tollkeeper-swarm",
        abstract: "Many agents that speak the push protocol with one controller.",
        discussion: """
            Lines of standard input: join · ingest PID SECONDS AT_ONCE · wait · reconnect · \
            push EVERY_SECONDS · report PID · reset · outage · drain.
            """, subcommands: [Drive.self, Statements.self], defaultSubcommand: Drive.self)
}

/// The swarm itself.
struct Drive: AsyncParsableCommand {

    @Option(help: "http://HOST:PORT or https://HOST:PORT of the controller.")
    var url: String

    @Option(help: "A file with a reusable join token.")
    var tokenFile: String

    @Option(help: "How many agents.")
    var agents: Int

    @Option(help: "How many keys each agent has.")
    var keys = 0

    @Option(help: "How many of them move in a batch.")
    var rows = 100

    func run() async throws {
        try raiseFileLimit()
        let token = try String(contentsOfFile: tokenFile, encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let swarm = Swarm(
            agents: agents, keys: keys, rows: rows, token: token,
            endpoint: try Endpoint(url, loops: MultiThreadedEventLoopGroup.singleton))
        while let line = try await NIOThreadPool.singleton.runIfActive({ readLine() }) {
            let figures = try await swarm.perform(line)
            let failure = await swarm.firstFailure
            if !failure.isEmpty { complain("the first failure: \(failure)") }
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            print(String(decoding: try encoder.encode(figures), as: UTF8.self))
            fflush(nil)
        }
    }

    private func complain(_ text: String) {
        FileHandle.standardError.write(Data("swarm: \(text)\n".utf8))
    }

    private func raiseFileLimit() throws {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(resource, &limit)
        guard limit.rlim_max > agents * (keys == 0 ? 1 : 2) + 100 else {
            throw SwarmError("\(agents) agents need more open files than \(limit.rlim_max)")
        }
    }
}

/// The statements that the store runs for a push, for the yardstick: a line each, NAME, tab, SQL.
struct Statements: ParsableCommand {
    func run() {
        for setting in IngestStatements.settings { print("pragma\tPRAGMA \(setting)") }
        for statement in IngestStatements.all(width: 256) {
            print("\(statement.name)\t\(statement.sql)")
        }
    }
}
