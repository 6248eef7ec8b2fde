import Foundation
import HTTPClient
import TestSupport
import Testing

@Suite struct TrustTests {
    static let secret = "7.bearer-secret-of-this-agent"

    static func request(_ port: Int, scheme: String = "https") -> HTTPRequest {
        HTTPRequest(
            "GET", "\(scheme)://127.0.0.1:\(port)/hello",
            headers: [HTTPField("Authorization", "Bearer \(secret)")], timeout: .seconds(10))
    }

    /// What a recording server received, one line per connection, once there is one.
    static func recorded(_ path: String) async throws -> String {
        for _ in 0..<100 where !FileManager.default.fileExists(atPath: path) {
            try await Task.sleep(for: .milliseconds(50))
        }
        return try String(contentsOfFile: path, encoding: .utf8)
    }

    static func hexadecimal(_ text: String) -> String {
        text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test(arguments: [
        "", "=", "AAAA", String(repeating: "A", count: 44),
        String(repeating: "A", count: 42) + "==",
        "sha256//" + String(repeating: "A", count: 43) + "=",
        String(repeating: "A", count: 42) + ";=", String(repeating: "A", count: 42) + "-=",
    ])
    func aMalformedPinIsRefused(_ text: String) {
        #expect(throws: HTTPClientError.self) { try KeyPin(base64: text) }
    }

    @Test func anEmptyListOfPinsIsRefused() {
        #expect(throws: HTTPClientError.self) { try HTTPTransport(.init(trust: .pins([]))) }
    }

    @Test func thePinnedKeyIsTrustedWhateverItsCertificateSays() async throws {
        let scratch = try Scratch()
        let right = try await Certificate("right", in: scratch)
        let other = try await Certificate("other", in: scratch)
        let log = scratch.path + "/log"
        let server = try await TestServer("--tls", right.file, right.key, "--record", log)
        for pins in [[right.pin], [other.pin, right.pin]] {
            let transport = try HTTPTransport(.init(trust: .pins(pins)))
            #expect(try await transport.send(Self.request(server.port)).status == 200)
        }
        let received = try await Self.recorded(log)
        #expect(received.contains(Self.hexadecimal("Bearer \(Self.secret)")))
    }

    @Test func anotherKeyIsRefusedAndReceivesNothing() async throws {
        let scratch = try Scratch()
        let right = try await Certificate("right", in: scratch)
        let other = try await Certificate("other", in: scratch)
        let log = scratch.path + "/log"
        let server = try await TestServer("--tls", other.file, other.key, "--record", log)
        let transport = try HTTPTransport(.init(trust: .pins([right.pin])))
        #expect(await transport.failure(of: Self.request(server.port))?.code == .pin)
        for line in try await Self.recorded(log).split(separator: "\n") {
            #expect(line.hasPrefix("tls") && line.hasSuffix("|"), "it received \(line)")
        }
    }

    @Test func plainHTTPIsRefusedWherePinsAreSet() async throws {
        let scratch = try Scratch()
        let right = try await Certificate("right", in: scratch)
        let log = scratch.path + "/log"
        let server = try await TestServer("--record", log)
        let transport = try HTTPTransport(.init(trust: .pins([right.pin])))
        let request = Self.request(server.port, scheme: "http")
        #expect(await transport.failure(of: request)?.code == .invalid)
        #expect(!FileManager.default.fileExists(atPath: log), "something was sent")
    }

    @Test func theSystemDoesNotTrustASelfSignedCertificate() async throws {
        let scratch = try Scratch()
        let right = try await Certificate("right", in: scratch)
        let log = scratch.path + "/log"
        let server = try await TestServer("--tls", right.file, right.key, "--record", log)
        #expect(try await HTTPTransport().failure(of: Self.request(server.port))?.code == .tls)
        #expect(try await !Self.recorded(log).contains(Self.hexadecimal(Self.secret)))
    }

    /// Servers that send no certificate, whose pin libcurl would not check, and old ones.
    @Test(arguments: [
        ["-nocert", "-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"],
        ["-nocert", "-tls1_2", "-cipher", "ADH-AES256-GCM-SHA384:@SECLEVEL=0"],
        ["-cert", "right.pem", "-key", "right.key", "-tls1_2"],
    ])
    func aServerWithoutACertificateOrWithOldTLSIsRefused(_ options: [String]) async throws {
        let scratch = try Scratch()
        let right = try await Certificate("right", in: scratch)
        let server = try await OpenSSLServer(options, in: scratch)
        try #require(try await server.answers(options), "openssl s_server does not answer at all")
        let transport = try HTTPTransport(.init(trust: .pins([right.pin])))
        let error = await transport.failure(of: Self.request(server.port))
        #expect(error?.code == .tls)
        #expect(!server.received().contains(Self.secret))
    }
}

/// `openssl s_server` for what Python's ssl refuses to serve.
final class OpenSSLServer {
    let port: Int
    private let job: Job

    /// Starts it with options, whose files are those of `scratch`.
    init(_ options: [String], in scratch: Scratch) async throws {
        port = try await Fixture.freePort()
        let placed = options.map { $0.hasPrefix("right.") ? "\(scratch.path)/\($0)" : $0 }
        let server = ["openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-quiet"]
        job = try Job(server + placed, holdsInput: true)
    }

    func received() -> String { job.output }

    /// Whether a client that accepts anything gets through to it, as a proof that it is there.
    func answers(_ options: [String]) async throws -> Bool {
        let cipher = options.contains("-nocert") ? "aNULL:@SECLEVEL=0" : "ALL"
        for attempt in 1...20 {
            let client = try Job(
                [
                    "openssl", "s_client", "-connect", "127.0.0.1:\(port)", "-tls1_2", "-cipher",
                    cipher, "-quiet",
                ], input: "a proof of life\n", holdsInput: true)
            try await Task.sleep(for: .milliseconds(250 * min(attempt, 12)))
            client.stop()
            if received().contains("a proof of life") { return true }
        }
        return false
    }
}
