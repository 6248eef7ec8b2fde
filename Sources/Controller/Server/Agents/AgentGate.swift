import Accounting
import AgentProtocol
import HTTPTypes
import HummingbirdCore
import Store

/// Lets an agent in: by its secret, and only with the ledger that its server goes on with.
struct AgentGate {
    let backend: Backend

    /// Who calls; throws 401 for a wrong secret and 409 for a cloned or closed ledger.
    func pass(_ request: Request) async throws -> AgentCall {
        let (server, secret) = try credentials(request)
        let held = try await backend.store.agent(server: server)
        let hash = Digest.sha256(secret)
        guard let held, ConstantTime.areEqual(hash, held.secretHash) else {
            throw Self.unknownAgent
        }
        let call = AgentCall(
            server: server, ledger: try bytes("Tollkeeper-Ledger", request),
            start: try start(request), instance: try bytes("Tollkeeper-Instance", request))
        try await backend.store.accept(call, held: held)
        backend.links.note(server, at: backend.now)
        return call
    }

    private func credentials(_ request: Request) throws -> (server: Int64, secret: [UInt8]) {
        guard let text = request.bearer else {
            throw Self.unknownAgent
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let server = Int64(parts[0]),
            let secret = Base64URL.decode(parts[1]), secret.count == 32
        else { throw Self.unknownAgent }
        return (server, secret)
    }

    private func value(_ name: String, _ request: Request) -> String? {
        request.headers.first { $0.name.canonicalName == name.lowercased() }?.value
    }

    private func bytes(_ name: String, _ request: Request) throws -> [UInt8] {
        guard let bytes = value(name, request).flatMap({ Hexadecimal.decode($0) }),
            bytes.count == 16
        else { throw Refusal.invalid("\(name): 32 hexadecimal digits are expected") }
        return bytes
    }

    private func start(_ request: Request) throws -> Int64 {
        let name = "Tollkeeper-Start"
        guard let start = value(name, request).flatMap({ Int64($0) }), start >= 0 else {
            throw Refusal.invalid("\(name): a start number is expected")
        }
        return start
    }

    private static let unknownAgent = Refusal(
        .unauthorized, "unknown_agent",
        """
        this controller knows no such agent: let the host join with the token that \
        `tollkeeper server add NAME` prints
        """)
}

/// Comparing secrets without telling by the time how far they agree.
enum ConstantTime {
    static func areEqual(_ first: [UInt8], _ second: [UInt8]) -> Bool {
        guard first.count == second.count else { return false }
        return zip(first, second).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
