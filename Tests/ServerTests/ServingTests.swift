import API
import Crypto
import Foundation
import Glibc
import HTTPClient
import Logging
import Testing

@testable import Server

@Suite struct ServingTests {
    private func start(_ change: (inout ServeOptions) -> Void) async throws {
        let folder = RunningController.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let controller = try await RunningController(change, environment: [:], folder: folder)
        try await controller.stop()
    }

    @Test func plainHTTPOffLoopbackIsRefused() async throws {
        for host in ["0.0.0.0", "::", "[::]", "192.0.2.1", "127.example.org:"] {
            let error = await #expect(throws: ServeError.self) {
                try await start {
                    $0.listenHost = host; $0.tls = .off
                }
            }
            #expect(error?.description.contains("--tls") == true)
        }
        try await start {
            $0.listenHost = "0.0.0.0"
            $0.tls = .off
            $0.trustedProxies = ["127.0.0.1"]
        }
        try await start { $0.listenHost = "[::1]" }
    }

    @Test func aPortInUseIsNamed() async throws {
        try await RunningController.run { controller in
            let port = try #require(controller.url.split(separator: ":").last.flatMap { Int($0) })
            let error = await #expect(throws: ServeError.self) {
                try await start { $0.listenPort = port }
            }
            #expect(error?.description.contains("\(port)") == true)
        }
    }

    @Test func aStateDirectoryHasOneController() async throws {
        try await RunningController.run { controller in
            let error = await #expect(throws: ServeError.self) {
                try await RunningController({ _ in }, environment: [:], folder: controller.folder)
            }
            #expect(error?.description.contains(controller.folder) == true)
        }
    }

    @Test func filesHaveTheModesThatTheyShould() async throws {
        try await RunningController.run({ $0.tls = .auto }) { controller in
            for (name, mode) in [
                ("", 0o700), ("controller.sock", 0o660), ("tls-key.pem", 0o600),
                ("store.sqlite", 0o600), ("controller.lock", 0o600),
            ] {
                let path = "\(controller.folder)/\(name)"
                let attributes = try FileManager.default.attributesOfItem(atPath: path)
                #expect(attributes[.posixPermissions] as? Int == mode, "\(path)")
            }
        }
    }

    @Test func theSocketGoesWithTheController() async throws {
        let folder = RunningController.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for _ in 0..<2 {
            let controller = try await RunningController({ _ in }, environment: [:], folder: folder)
            #expect(try await controller.call("GET", "/healthz").status == 200)
            try await controller.stop()
            #expect(!FileManager.default.fileExists(atPath: controller.socketPath))
        }
    }

    @Test func theKeyStaysAndIsPinned() async throws {
        let folder = RunningController.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var tokens: [String] = []
        for name in ["vpn1", "vpn2"] {
            try await RunningController.run({ $0.tls = .auto }, folder: folder) { controller in
                #expect(controller.url.hasPrefix("https://"))
                tokens.append(
                    try await controller.call(
                        "POST", "/api/servers", json: #"{"name": "\#(name)"}"#, as: ServerJoin.self
                    ).token)
                let pinText = try #require(tokens.last?.split(separator: ".").last)
                let pin = try #require(Base64URL.decode(pinText))
                let right = try HTTPTransport(
                    .init(trust: .pins([KeyPin(base64: Data(pin).base64EncodedString())])))
                let health = try await right.send(HTTPRequest("GET", "\(controller.url)/healthz"))
                #expect(health.status == 200)
                let other = Data(SHA256.hash(data: [1])).base64EncodedString()
                let wrong = try HTTPTransport(.init(trust: .pins([KeyPin(base64: other)])))
                let error = await #expect(throws: HTTPClientError.self) {
                    try await wrong.send(HTTPRequest("GET", "\(controller.url)/healthz"))
                }
                #expect(error?.code == .pin)
            }
        }
        #expect(Set(tokens.compactMap { $0.split(separator: ".").last }).count == 1)
    }

    @Test func olderTLSIsRefused() async throws {
        try await RunningController.run({ $0.tls = .auto }) { controller in
            let common = ["-sk", "-o", "/dev/null", "\(controller.url)/healthz"]
            let older = try await Program.exit(["curl", "--tls-max", "1.2"] + common)
            #expect(older == 35)
            let newest = try await Program.exit(["curl"] + common)
            #expect(newest == 0)
        }
    }

    @Test func aDamagedKeyIsNamedAndLeftAsItIs() async throws {
        let folder = RunningController.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await RunningController.run({ $0.tls = .auto }, folder: folder) { _ in }
        for name in ["tls-key.pem", "tls-certificate.pem"] {
            let path = "\(folder)/\(name)"
            let whole = try String(contentsOfFile: path, encoding: .utf8)
            try "damaged".write(toFile: path, atomically: true, encoding: .utf8)
            let error = await #expect(throws: ServeError.self) {
                try await RunningController({ $0.tls = .auto }, environment: [:], folder: folder)
            }
            #expect(error?.description.contains(path) == true)
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "damaged")
            try whole.write(toFile: path, atomically: true, encoding: .utf8)
        }
        // A lost certificate is made anew for the same key.
        try FileManager.default.removeItem(atPath: "\(folder)/tls-certificate.pem")
        try await RunningController.run({ $0.tls = .auto }, folder: folder) { controller in
            let health = try await controller.call("GET", "/healthz")
            #expect(health.status == 200)
        }
    }

    @Test func ownFilesAreServedWithoutAPin() async throws {
        let folder = RunningController.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await RunningController.run({ $0.tls = .auto }, folder: folder) { _ in }
        let files = ServeOptions.TLS.files(
            certificate: "\(folder)/tls-certificate.pem", key: "\(folder)/tls-key.pem")
        try await RunningController.run({ $0.tls = files }) { controller in
            let token = try await controller.call(
                "POST", "/api/servers", json: #"{"name": "vpn1"}"#, as: ServerJoin.self
            ).token
            #expect(token.hasSuffix("."))
            let arguments = [
                "curl", "-s", "--cacert", "\(folder)/tls-certificate.pem", "-o", "/dev/null",
            ]
            let status = try await Program.exit(arguments + ["\(controller.url)/healthz"])
            #expect([0, 60].contains(status))
        }
        let missing = ServeOptions.TLS.files(certificate: "/nonexistent", key: "/nonexistent")
        let error = await #expect(throws: ServeError.self) { try await start { $0.tls = missing } }
        #expect(error?.description.contains("/nonexistent") == true)
    }

    @Test func systemdIsToldOfReadinessLifeAndEnd() async throws {
        let folder = RunningController.temporaryFolder()
        let path = "\(folder).notify"
        let receiver = try DatagramReceiver(path: path)
        defer { unlink(path) }
        try await RunningController.run(
            environment: ["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"], folder: folder
        ) { _ in
            try await eventually { receiver.receive().contains("WATCHDOG=1") }
        }
        try? FileManager.default.removeItem(atPath: folder)
        let all = receiver.receive()
        #expect(all.first == "READY=1" && all.last == "STOPPING=1")
    }

    @Test func aBrokenRequestEndsNothing() async throws {
        try await RunningController.run { controller in
            for text in ["SSH-2.0-OpenSSH_9.2\r\n", "GET / HTTP/9.9\r\n\r\n", "\u{16}\u{3}\r\n"] {
                let connection = try RawConnection(to: controller.url)
                connection.send(text)
                try await eventually { connection.received().hasPrefix("HTTP/1.1 400") }
            }
            #expect(try await controller.callRemote("GET", "/healthz").status == 200)
        }
    }
}

/// A unix datagram socket that keeps what it received.
final class DatagramReceiver {
    private let descriptor: CInt
    private var received: [String] = []

    init(path: String) throws {
        descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
    }

    deinit { close(descriptor) }

    /// Everything so far.
    func receive() -> [String] {
        var buffer = [UInt8](repeating: 0, count: 256)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, CInt(MSG_DONTWAIT))
            guard count > 0 else { return received }
            received.append(String(decoding: buffer.prefix(count), as: UTF8.self))
        }
    }
}
