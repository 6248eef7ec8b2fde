import Foundation
import HTTPClient
import TestSupport
import Testing

/// A real HTTP server (Tests/Fixtures/http/server.py) in a process of its own, on loopback.
///
/// It also ends with its standard input, so a test that crashes leaves nothing behind.
final class TestServer {
    let port: Int
    private let job: Job

    init(_ arguments: String...) async throws {
        let words = ["python3", Fixture.http + "/server.py"] + arguments
        let job = try Job(words, holdsInput: true)
        self.job = job
        let line = try await offPool { job.firstLine() }
        port = try #require(
            Int(line.trimmingCharacters(in: .newlines)),
            "the test server did not start: \(job.errors)")
    }

    func url(_ path: String, scheme: String = "http") -> String {
        "\(scheme)://127.0.0.1:\(port)\(path)"
    }

    /// Whether the server answers `text` at `path`, within some seconds.
    func tells(_ path: String, _ text: String, through transport: HTTPTransport) async throws
        -> Bool
    {
        for _ in 0..<100 {
            let answer = try await transport.send(HTTPRequest("GET", url(path)))
            if answer.body == Array(text.utf8) { return true }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }
}

enum Fixture {
    static let http = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fixtures/http").path

    /// A port that nothing listens on.
    static func freePort() async throws -> Int {
        let code =
            "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1])"
        return try await #require(Int(Fixture.run("python3", "-c", code)))
    }

    /// What a program printed; fails the test where it ends with anything but 0.
    static func run(_ words: String...) async throws -> String {
        try await offPool { try Command.run(words) }
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// A directory that goes away with the test.
final class Scratch {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/tk-http-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A self-signed certificate with its key and its pin.
struct Certificate {
    let file: String
    let key: String
    let pin: KeyPin

    init(_ name: String, in scratch: Scratch) async throws {
        file = "\(scratch.path)/\(name).pem"
        key = "\(scratch.path)/\(name).key"
        let printed = try await Fixture.run(Fixture.http + "/certificate.sh", scratch.path, name)
        pin = try KeyPin(base64: printed)
    }
}

extension HTTPTransport {
    /// The error that a request ends in; nil where it got an answer.
    func failure(of request: HTTPRequest) async -> HTTPClientError? {
        do throws(HTTPClientError) {
            _ = try await send(request)
            return nil
        } catch {
            return error
        }
    }
}
