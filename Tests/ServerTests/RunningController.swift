import API
import Foundation
import HTTPClient
import Logging
import ServiceLifecycle
import Testing

@testable import Server

/// A whole controller on loopback, with a state directory of its own.
final class RunningController: Sendable {
    let folder: String
    let url: String
    let local: HTTPTransport
    let remote: HTTPTransport
    let socketPath: String
    private let group: ServiceGroup
    private let task: Task<Void, any Error>

    /// Starts a controller, waits until it listens, runs `body`, and stops it.
    static func run(
        _ change: (inout ServeOptions) -> Void = { _ in }, environment: [String: String] = [:],
        folder: String? = nil, trust: TrustPolicy = .system,
        _ body: (RunningController) async throws -> Void
    ) async throws {
        let controller = try await RunningController(
            change, environment: environment, folder: folder ?? temporaryFolder(), trust: trust)
        do {
            try await body(controller)
        } catch {
            _ = try? await controller.stop()
            throw error
        }
        try await controller.stop()
        if folder == nil { try? FileManager.default.removeItem(atPath: controller.folder) }
    }

    static func temporaryFolder() -> String { "/tmp/tk-\(UUID().uuidString.prefix(13))" }

    init(
        _ change: (inout ServeOptions) -> Void, environment: [String: String], folder: String,
        trust: TrustPolicy = .system
    ) async throws {
        var options = ServeOptions()
        options.listenPort = 0
        options.stateDirectory = folder
        change(&options)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let services = try await ControllerServices.makeServices(
            options: options, logger: logger, environment: environment)
        let group = ServiceGroup(
            configuration: .init(services: services.services, logger: logger))
        task = Task { try await group.run() }
        self.group = group
        self.folder = folder
        url = try await services.listeningURL()
        socketPath = services.socketPath
        local = try HTTPTransport(.init(unixSocket: services.socketPath))
        remote = try HTTPTransport(.init(trust: trust))
    }

    /// Stops gracefully; throws what the controller ended with. Returns how long it took.
    @discardableResult
    func stop() async throws -> Duration {
        try await ContinuousClock().measure {
            await group.triggerGracefulShutdown()
            try await task.value
        }
    }

    /// Calls over the local socket.
    func call(
        _ method: String, _ path: String, json: String? = nil, timeout: Duration = .seconds(20)
    ) async throws -> HTTPResponse {
        let headers = json == nil ? [] : [HTTPField("Content-Type", "application/json")]
        return try await local.send(
            HTTPRequest(
                method, "http://localhost\(path)", headers: headers,
                body: json.map { Array($0.utf8) } ?? (method == "POST" ? [] : nil),
                timeout: timeout))
    }

    /// Calls over the local socket and reads the JSON answer.
    func call<Answer: Decodable>(
        _ method: String, _ path: String, json: String? = nil, as type: Answer.Type
    ) async throws -> Answer {
        try await call(method, path, json: json).json(type)
    }

    /// Calls over TCP with header fields.
    func callRemote(
        _ method: String, _ path: String, headers: [(String, String)] = [], body: [UInt8]? = nil
    ) async throws -> HTTPResponse {
        try await remote.send(
            HTTPRequest(
                method, url + path, headers: headers.map { HTTPField($0.0, $0.1) },
                body: body ?? (method == "POST" ? [] : nil)))
    }

    /// Makes a token and returns its text.
    func token(_ scope: TokenScope) async throws -> String {
        try await call(
            "POST", "/api/tokens", json: #"{"scope": "\#(scope.rawValue)"}"#, as: TokenAnswer.self
        ).token
    }
}

extension HTTPResponse {
    /// The body read as JSON; a body that is none fails the test with its text.
    func json<Answer: Decodable>(_ type: Answer.Type) throws -> Answer {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            Issue.record("\(status): \(String(decoding: body, as: UTF8.self))")
            throw error
        }
    }

    /// The error's code; nil where the answer is no error envelope.
    var failure: Failure? { try? JSONDecoder().decode(Failure.self, from: Data(body)) }
}

/// Waits until something holds, at most 30 seconds: less than any request here waits.
func eventually(_ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < deadline {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("what was waited for did not come")
}
