import Foundation
import TestSupport
import Testing

/// `tollkeeper serve` as a process of its own.
@Suite struct ServeProcessTests {
    final class Served: Sendable {
        let directory = "/tmp/tk-\(UUID().uuidString.prefix(13))"
        private let job: Job

        init(_ arguments: [String], directory: String? = nil) throws {
            job = try Job(
                [Command.built("tollkeeper"), "serve", "--state-dir", directory ?? self.directory]
                    + arguments)
        }

        deinit {
            job.stop()
            try? FileManager.default.removeItem(atPath: directory)
        }

        /// What it says first; empty where it ends without a word.
        func greeting() async throws -> String {
            try await offPool { [job] in job.firstLine() }
        }

        /// How it ended and what it complained of.
        func end() async throws -> (status: Int32?, errors: String) {
            try await offPool { [job] in (job.wait(limit: 60), job.errors) }
        }

        func signal(_ number: Int32) { job.signal(number) }
    }

    @Test(arguments: [
        (["--listen", "8440"], Int32(64), "--listen: LISTEN cannot be \"8440\""),
        (["--tls", "files"], 64, "TLS_CERT: must be set"),
        (["--config", "/nowhere.conf"], 64, "/nowhere.conf: there is no such file"),
        (["--listen", "0.0.0.0:0", "--tls", "off"], 1, "--tls off: plain HTTP on 0.0.0.0"),
        (
            ["--listen", "127.0.0.1:1", "--tls", "files", "--tls-cert", "/n", "--tls-key", "/n"], 1,
            "/n"
        ),
    ])
    func whatCannotBeServedIsSaidAtOnce(
        _ arguments: [String], _ status: Int32, _ message: String
    ) async throws {
        let ended = try await Served(arguments).end()
        #expect(ended.status == status)
        #expect(ended.errors.hasPrefix("tollkeeper: ") && ended.errors.contains(message))
    }

    @Test func itServesUntilItIsToldToStopAndOnlyOnceInAFolder() async throws {
        let served = try Served(["--listen", "127.0.0.1:0"])
        #expect(try await served.greeting().hasPrefix("Tollkeeper "))
        let second = try await Served(["--listen", "127.0.0.1:0"], directory: served.directory)
            .end()
        #expect(second.status == 1 && second.errors.contains("another controller runs"))
        served.signal(SIGTERM)
        #expect(try await served.end().status == 0)
    }

    @Test func withACertificateOfItsOwnItShowsThePinThatOpensIt() async throws {
        let served = try Served(["--listen", "127.0.0.1:0", "--tls", "auto"])
        let greeting = try await served.greeting()
        let url = try #require(greeting.split(separator: " ").first { $0.hasPrefix("https://") })
        let pin = try #require(
            greeting.split(separator: "\n").last?.split(separator: " ").last.map(String.init))
        let local = Script(environment: ["STATE_DIRECTORY": served.directory])
        #expect(try await local.run(["token", "create", "--scope", "admin"]) == 0)
        let token = local.output.trimmingCharacters(in: .newlines)
        let list = ["client", "list", "--controller", String(url)]
        let remote = Script(environment: ["TOLLKEEPER_TOKEN": token])
        #expect(try await remote.run(list + ["--pin", pin]) == 0, "\(remote.errors)")
        #expect(try await remote.run(list) == 1, "the system does not trust it")
        let other = String(repeating: "A", count: 43) + "="
        #expect(try await remote.run(list + ["--pin", other]) == 1)
        #expect(remote.errors.contains("nothing was sent to it"))
        served.signal(SIGINT)
        #expect(try await served.end().status == 0)
    }
}
