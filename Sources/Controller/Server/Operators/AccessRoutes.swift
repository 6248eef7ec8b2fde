import HTTPTypes
import API
import Hummingbird
import HummingbirdCore
import Store

extension Backend {
    /// The calls that open and shut.
    var accessRoutes: [Route] {
        [
            Route(.post, "/api/clients/:id/revoke", .operator(.operate), isUrgent: true) {
                request, context in
                let (id, server, wait) = try await accessQuestion(request, context)
                let receipt = try await store.revoke(client: id, server: server, now: now)
                return try await answer(receipt, done: "Client revoked", wait: wait)
            },
            Route(.post, "/api/clients/:id/restore", .operator(.operate), isUrgent: true) {
                request, context in
                let (id, server, wait) = try await accessQuestion(request, context)
                let receipt = try await store.restore(client: id, server: server, now: now)
                return try await answer(receipt, done: "Client restored", wait: wait)
            },
            Route(.delete, "/api/clients/:id", .operator(.operate), isUrgent: true) {
                request, context in
                try await Bodies.fields(request).allow()
                let query = try Query(request, allowing: "wait")
                let receipt = try await store.delete(client: try context.id(), now: now)
                return try await answer(
                    receipt, done: "Client deleted", wait: try Self.patience(query))
            },
        ]
    }

    private func accessQuestion(
        _ request: Request, _ context: AppContext
    ) async throws -> (client: Int64, server: Int64?, wait: Duration) {
        try await Bodies.fields(request).allow()
        let query = try Query(request, allowing: "wait", "server_id")
        return (try context.id(), try query.id("server_id"), try Self.patience(query))
    }

    /// How long a caller wants to wait until it is enforced.
    static func patience(_ query: Query) throws -> Duration {
        try query.wait(default: 10, atMost: 60)
    }

    /// Wakes the agents, waits for what they verify, and says how far it has got.
    private func answer(
        _ receipt: AccessReceipt, done: String, wait: Duration
    ) async throws -> Response {
        for server in receipt.servers { desired.notify(server) }
        let credentials = try await settled(receipt.credentials, wait: wait)
        let enforcement = Enforcement(credentials)
        guard enforcement.state != .enforced else {
            return try .json(EnforcementAnswer(message: done, enforcement: enforcement))
        }
        let rest = enforcement.servers.filter { $0.state != .enforced }.map(\.server)
        let message = "\(done), but not yet enforced on \(rest.joined(separator: ", "))"
        return try .json(
            EnforcementAnswer(message: message, enforcement: enforcement), status: .accepted)
    }

    /// The credentials once none of them is being waited for any more, or the time is up.
    func settled(_ ids: [Int64], wait: Duration) async throws -> [CredentialRecord] {
        let deadline = ContinuousClock.now + wait
        var servers: Set<Int64> = []
        while true {
            let known = outcomes.generations(of: servers)
            let credentials = try await store.credentials(ids: ids)
            let pending = Set(credentials.filter(\.isUnanswered).map(\.server))
            let rest = deadline - .now
            guard !pending.isEmpty, rest > .zero else { return credentials }
            guard pending.isSubset(of: servers) else {
                // Their generations must be taken before the store is looked at again.
                servers = pending
                continue
            }
            let wake = await outcomes.wait(for: known, atMost: rest)
            if wake == .cancelled { return credentials }
        }
    }
}

extension Enforcement {
    /// What credentials say together, server by server.
    init(_ credentials: [CredentialRecord]) {
        let servers = Dictionary(grouping: credentials, by: \.server)
            .sorted { $0.key < $1.key }.map { ServerEnforcement($0.value) }
        let state = EnforcementState(all: servers.map(\.state))
        self.init(
            state: state,
            latencyMs: state == .enforced ? servers.compactMap(\.latencyMs).max() : nil,
            servers: servers)
    }
}

extension ServerEnforcement {
    /// What the credentials of one server say together; there is at least one.
    fileprivate init(_ credentials: [CredentialRecord]) {
        let state = EnforcementState(all: credentials.map(\.enforcement))
        let latency = credentials.map(\.latency).max() ?? 0
        self.init(
            serverID: credentials[0].server, server: credentials[0].serverName, state: state,
            latencyMs: state == .enforced ? (latency + 500_000) / 1_000_000 : nil,
            detail: credentials.lazy.compactMap(\.detail).first)
    }
}

extension EnforcementState {
    /// Failed where one has failed, pending where one is pending, else enforced.
    fileprivate init(all states: [EnforcementState]) {
        if states.contains(.failed) {
            self = .failed
        } else {
            self = states.contains(.pending) ? .pending : .enforced
        }
    }
}
