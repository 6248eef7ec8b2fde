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
        try await admit(request).call
    }

    /// Who calls, and how it stands to the ledger's starts that were seen before.
    func admit(_ request: Request) async throws -> (call: AgentCall, standing: Standing) {
        let (server, secret) = try credentials(request)
        let held = try await backend.store.agent(server: server)
        let hash = Digest.sha256(secret)
        guard let held, ConstantTime.areEqual(hash, held.secretHash) else {
            throw Self.unknownAgent
        }
        let call = AgentCall(
            server: server, ledger: try bytes("Tollkeeper-Ledger", request),
            start: try start(request), instance: try bytes("Tollkeeper-Instance", request),
            newest: try newest(request))
        let standing = try await backend.tellingClones(of: server) {
            try await backend.store.accept(call, held: held)
        }
        backend.links.note(server, at: backend.now)
        return (call, standing)
    }

    /// The newest batch that the ledger has made; nil where an older agent does not say.
    private func newest(_ request: Request) throws -> NewestBatch? {
        let name = "Tollkeeper-Sequence"
        guard let text = value(name, request) else { return nil }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let sequence = Int64(parts[0]), sequence >= 0,
            let digest = Hexadecimal.decode(String(parts[1])),
            digest.count == (sequence == 0 ? 0 : 32)
        else {
            throw Refusal.invalid("\(name): a number, a dot and 64 hexadecimal digits are expected")
        }
        return NewestBatch(sequence: sequence, digest: digest)
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

extension Backend {
    /// Does what an agent asks for; where that shows a clone or a rolled-back copy of the server's
    /// ledger, the operator will be told, too.
    func tellingClones<Value>(
        of server: Int64, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let error as StoreError where error.reason == "ledger_cloned" {
            try await store.noteClone(server: server, now: now)
            throw error
        }
    }
}

/// Comparing secrets without telling by the time how far they agree.
enum ConstantTime {
    static func areEqual(_ first: [UInt8], _ second: [UInt8]) -> Bool {
        guard first.count == second.count else { return false }
        return zip(first, second).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
