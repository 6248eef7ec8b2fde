import Accounting
import AgentProtocol
import FoundationEssentials
import HTTPClient
import Synchronization

/// What carries requests to the controller and its answers back.
protocol Transport: Sendable {
    /// Sends a request and returns the answer, of any status; throws where none came.
    func send(_ request: HTTPRequest) async throws(HTTPClientError) -> HTTPResponse
}

extension HTTPTransport: Transport {}

/// Speaks the push protocol with the controller, over connections that are kept alive.
final class ControllerLink: Sendable {
    /// An answer of the controller.
    struct Answer: Sendable {
        var status: Int
        var body: [UInt8]
    }

    private let transport: any Transport
    private let identity: Identity
    private let headers: [HTTPField]
    /// The newest batch that the ledger has made, at the moment of a call.
    private let newestBatch: @Sendable () async throws -> String
    /// Which of the controller's URLs answered last.
    private let preferred = Mutex(0)

    init(
        identity: Identity, ledger: String, start: UInt64, instance: String,
        transport: any Transport,
        newestBatch: @escaping @Sendable () async throws -> String
    ) {
        self.identity = identity
        self.newestBatch = newestBatch
        self.transport = transport
        headers = [
            HTTPField("Authorization", "Bearer \(identity.bearer)"),
            HTTPField("Tollkeeper-Ledger", ledger),
            HTTPField("Tollkeeper-Start", String(start)),
            HTTPField("Tollkeeper-Instance", instance),
        ]
    }

    /// A transport that trusts the pinned keys, or the system where there are none.
    static func transport(pins: [String], proxy: String?) throws -> HTTPTransport {
        let trust: TrustPolicy =
            pins.isEmpty ? .system : .pins(try pins.map { try KeyPin(base64: $0) })
        return try HTTPTransport(.init(trust: trust, proxy: proxy))
    }

    /// Sends a message and reads the answer's message.
    func post<Answer: WireAnswer>(
        _ path: String, _ message: some WireRequest, newestBatch: String? = nil,
        timeout: Duration = .seconds(30)
    ) async throws -> Answer {
        let answer = try await call(
            "POST", path, body: try message.encoded(), newestBatch: newestBatch, timeout: timeout)
        return try Answer(decoding: answer.body)
    }

    /// Asks for what the controller wants; nil where nothing came within `wait`.
    func desired(
        after position: (revision: UInt64, digest: [UInt8]), ticket: UInt64, wait: Duration
    ) async throws -> WireDesired? {
        let seconds = wait.components.seconds
        let digest = Hexadecimal.encode(position.digest)
        let path =
            "/agent/v1/desired?after=\(position.revision)&digest=\(digest)&ticket=\(ticket)"
            + "&wait=\(seconds)"
        let answer = try await call("GET", path, body: nil, timeout: wait + .seconds(20))
        return answer.status == 204 ? nil : try WireDesired(decoding: answer.body)
    }

    /// Tells how far this host is with the controller's wishes, where the controller has yet to
    /// store that.
    func tellOutcomes(of keeper: Keeper, timeout: Duration) async throws {
        guard let outcomes = await keeper.outcomesMessage() else { return }
        try await tell(outcomes, of: keeper, newestBatch: nil, timeout: timeout)
    }

    /// Tells `outcomes`; `newestBatch` is as the keeper has just said, nil: it is asked.
    func tell(
        _ outcomes: WireOutcomes, of keeper: Keeper, newestBatch: String?, timeout: Duration
    ) async throws {
        let answer: WireOutcomesAnswer = try await post(
            "/agent/v1/outcomes", outcomes, newestBatch: newestBatch, timeout: timeout)
        if answer.acknowledged >= outcomes.number { await keeper.acknowledgeOutcomes(outcomes) }
    }

    /// What the controller knows of this server's counters behind `credential`; nil where it has
    /// no such call.
    func knownCounters(
        after credential: UInt64, timeout: Duration
    ) async throws -> WireKnownCounters? {
        do {
            let path = "/agent/v1/counters?after=\(credential)"
            let answer = try await call("GET", path, body: nil, timeout: timeout)
            return try WireKnownCounters(decoding: answer.body)
        } catch let refusal as Refusal where refusal.status == 404 {
            return nil
        }
    }

    private func call(
        _ method: String, _ path: String, body: [UInt8]?, newestBatch: String? = nil,
        timeout: Duration
    ) async throws -> Answer {
        let newest = if let newestBatch { newestBatch } else { try await self.newestBatch() }
        let first = preferred.withLock { $0 }
        var failure: (any Error)?
        for offset in identity.controllers.indices {
            let index = (first + offset) % identity.controllers.count
            do {
                let answer = try await send(
                    method, identity.controllers[index] + path, body: body, newest,
                    timeout: timeout)
                preferred.withLock { $0 = index }
                return answer
            } catch let error as HTTPClientError where error.code != .cancelled {
                failure = error
            }
        }
        throw failure ?? AgentError(doing: "reach the controller", reason: "it has no address")
    }

    private func send(
        _ method: String, _ url: String, body: [UInt8]?, _ newest: String, timeout: Duration
    ) async throws -> Answer {
        var request = HTTPRequest(method, url, headers: headers, timeout: timeout)
        request.headers.append(HTTPField("Tollkeeper-Sequence", newest))
        if let body {
            request.headers.append(HTTPField("Content-Type", "application/x-protobuf"))
            request.body = try body.count > 256 ? Gzip.deflate(body) : body
            if body.count > 256 {
                request.headers.append(HTTPField("Content-Encoding", "gzip"))
            }
        }
        let response = try await transport.send(request)
        guard (200..<300).contains(response.status) else {
            throw Refusal(status: response.status, body: response.body)
        }
        return Answer(status: response.status, body: response.body)
    }
}

/// The controller answered, and said no.
struct Refusal: Error, Sendable, CustomStringConvertible {
    let status: Int
    let code: String
    let message: String

    init(status: Int, body: [UInt8]) {
        struct Envelope: Decodable {
            struct Failure: Decodable {
                var code: String
                var message: String
            }
            var error: Failure
        }
        let envelope = try? JSONDecoder().decode(Envelope.self, from: Data(body))
        self.status = status
        code = envelope?.error.code ?? "unknown"
        message = envelope?.error.message ?? "no reason given"
    }

    var description: String { "the controller answered \(status): \(message)" }

    /// Whether only an operator can help: this agent must be joined again.
    var needsJoin: Bool { [401, 403, 409, 410].contains(status) }
}
