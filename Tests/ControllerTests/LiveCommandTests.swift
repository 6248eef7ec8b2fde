import API
import Foundation
import Logging
import Server
import ServiceLifecycle
import Testing

@testable import Controller

/// Commands against a real controller in this process.
@Suite struct LiveCommandTests {
    /// Runs `body` with the state directory and the URL of a controller of its own.
    static func withController(
        _ body: (String, String) async throws -> Void
    ) async throws {
        var options = ServeOptions()
        options.listenPort = 0
        options.stateDirectory = "/tmp/tk-\(UUID().uuidString.prefix(13))"
        defer { try? FileManager.default.removeItem(atPath: options.stateDirectory) }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let services = try await ControllerServices.makeServices(options: options, logger: logger)
        let group = ServiceGroup(
            configuration: .init(services: services.services, logger: logger))
        let task = Task { try await group.run() }
        do {
            try await body(options.stateDirectory, try await services.listeningURL())
        } catch {
            task.cancel()
            throw error
        }
        await group.triggerGracefulShutdown()
        try await task.value
    }

    @Test func serversAreAddedListedShownAndRemoved() async throws {
        try await Self.withController { directory, url in
            let script = Script(environment: ["STATE_DIRECTORY": directory])
            #expect(try await script.run(["server", "add", "vpn-1", "--ttl", "2h"]) == 0)
            #expect(script.output.contains("tollkeeper-agent join \(url) <<'TOKEN'\n"))
            #expect(try await script.run(["server", "add", "vpn-2", "--ttl", "1s"]) == 1)
            let added = Script(environment: ["STATE_DIRECTORY": directory])
            #expect(try await added.run(["server", "add", "vpn-2", "--json"]) == 0)
            let join = try JSONDecoder().decode(ServerJoin.self, from: Data(added.output.utf8))
            #expect(join.url == url && !join.token.isEmpty)
            let list = Script(environment: ["STATE_DIRECTORY": directory])
            #expect(try await list.run(["server", "list"]) == 0)
            #expect(list.output.split(separator: "\n").count == 3)
            #expect(list.output.contains("vpn-1  waiting"))
            #expect(try await list.run(["server", "show", "vpn-1"]) == 0)
            #expect(try await list.run(["server", "show", "id:99"]) == 2)
            #expect(try await list.run(["server", "sync", "vpn-1"]) == 1, "it has not joined")
            #expect(try await list.run(["server", "remove", "vpn-1"]) == 64)
            #expect(try await list.run(["server", "remove", "vpn-1", "--yes"]) == 0)
            #expect(try await list.run(["server", "show", "vpn-1"]) == 2)
        }
    }

    @Test func aServerThatExistsGetsAFreshTokenForItself() async throws {
        try await Self.withController { directory, url in
            let environment = ["STATE_DIRECTORY": directory]
            let first = Script(environment: environment)
            #expect(try await first.run(["server", "add", "vpn-1"]) == 0)
            #expect(!first.output.contains("exists"))
            let again = Script(environment: environment)
            #expect(try await again.run(["server", "add", "vpn-1", "--ttl", "2h"]) == 0)
            #expect(again.output.contains("Server vpn-1 (id:1) exists"))
            #expect(again.output.contains("takes its place and keeps its history"))
            #expect(again.output.contains("tollkeeper-agent join \(url) <<'TOKEN'\n"))
            var tokens: Set<String> = []
            for _ in 1...2 {
                let script = Script(environment: environment)
                #expect(try await script.run(["server", "add", "vpn-1", "--json"]) == 0)
                let join = try JSONDecoder().decode(ServerJoin.self, from: Data(script.output.utf8))
                #expect(join.server.id == 1 && join.url == url)
                #expect(script.errors.isEmpty)
                tokens.insert(join.token)
            }
            #expect(tokens.count == 2)
            let bad = Script(environment: environment)
            #expect(try await bad.run(["server", "add", "vpn-1", "--ttl", "1s"]) == 1)
            #expect(bad.errors.contains("ttl_seconds"))
            let list = Script(environment: environment)
            #expect(try await list.run(["server", "list"]) == 0)
            #expect(list.output.split(separator: "\n").count == 2)
            // A name whose server was removed is a new server's.
            #expect(try await list.run(["server", "remove", "vpn-1", "--yes"]) == 0)
            let anew = Script(environment: environment)
            #expect(try await anew.run(["server", "add", "vpn-1"]) == 0)
            #expect(anew.output.contains("Server vpn-1 (id:2) may join"))
        }
    }

    @Test func aFreshControllerHasNobodyAndNothing() async throws {
        try await Self.withController { directory, _ in
            let lists = [
                "client list", "client list --sort -name --status active", "credential list",
                "stats total", "stats --bytes", "client list --json", "credential list --json",
                "server list --json", "token list", "token list --json", "stats total --json",
            ]
            for arguments in lists {
                let script = Script(environment: ["STATE_DIRECTORY": directory])
                let words = arguments.split(separator: " ").map(String.init)
                #expect(try await script.run(words) == 0, "\(arguments): \(script.errors)")
                #expect(!script.output.isEmpty && script.errors.isEmpty)
                guard words.contains("--json") else { continue }
                let object = try JSONSerialization.jsonObject(with: Data(script.output.utf8))
                #expect((object as? [String: Any])?["success"] as? Bool == true)
            }
            for verb in ["show", "revoke", "restore", "sync"] {
                let script = Script(environment: ["STATE_DIRECTORY": directory])
                #expect(try await script.run(["client", verb, "phone"]) == 2)
                #expect(try await script.run(["client", verb, "id:1"]) == 2)
                #expect(try await script.run(["client", verb, "key:k"]) == 2)
            }
            let sorted = Script(environment: ["STATE_DIRECTORY": directory])
            #expect(try await sorted.run(["client", "list", "--sort", "colour"]) == 1)
        }
    }

    @Test func aTokenOpensTheControllerFromElsewhereUntilItIsDeleted() async throws {
        try await Self.withController { directory, url in
            let local = Script(environment: ["STATE_DIRECTORY": directory])
            let made = ["token", "create", "--scope", "admin", "--name", "bot"]
            #expect(try await local.run(made) == 0)
            let token = local.output.trimmingCharacters(in: .newlines)
            #expect(!local.errors.contains(token))
            let remote = Script(environment: ["TOLLKEEPER_TOKEN": token])
            let add = ["server", "add", "vpn-1", "--controller", url]
            #expect(try await remote.run(add) == 0, "\(remote.errors)")
            let wrong = Script(environment: ["TOLLKEEPER_TOKEN": "tk_wrong"])
            #expect(try await wrong.run(["client", "list", "--controller", url]) == 1)
            #expect(wrong.errors.contains("TOLLKEEPER_TOKEN"))
            let reader = Script(environment: ["STATE_DIRECTORY": directory])
            #expect(try await reader.run(["token", "create", "--json"]) == 0)
            let answer = try JSONDecoder().decode(TokenAnswer.self, from: Data(reader.output.utf8))
            #expect(answer.info.scope == .read)
            let weak = Script(environment: ["TOLLKEEPER_TOKEN": answer.token])
            #expect(try await weak.run(["client", "list", "--controller", url]) == 0)
            #expect(try await weak.run(["server", "add", "vpn-2", "--controller", url]) == 1)
            #expect(try await local.run(["token", "delete", "nobody"]) == 2)
            #expect(try await local.run(["token", "delete", "bot"]) == 0)
            #expect(try await remote.run(["client", "list", "--controller", url]) == 1)
        }
    }
}
