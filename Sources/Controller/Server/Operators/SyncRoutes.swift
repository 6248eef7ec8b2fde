import HTTPTypes
import API
import Hummingbird
import HummingbirdCore
import Store

extension Backend {
    /// The calls that ask for a reading now. They stand at two paths each, with and without /api.
    var syncRoutes: [Route] {
        ["", "/api"].flatMap { prefix in
            [
                Route(.post, "\(prefix)/servers/:id/sync-stats", .operator(.operate)) {
                    try await syncServer($0, try $1.id())
                },
                Route(.post, "\(prefix)/clients/:id/sync-stats", .operator(.operate)) {
                    try await syncClient($0, try $1.id())
                },
            ]
        }
    }

    private func syncServer(_ request: Request, _ id: Int64) async throws -> Response {
        let wait = try await patience(request)
        let isRead = try await read([id], wait: wait)[id] ?? false
        let server = try await store.server(id)
        let lastSync = Timestamp(stored: server.lastReading)
        guard isRead else {
            return try .json(
                ServerSync(synced: 0, lastSyncAt: lastSync, message: absence([server])),
                status: .accepted)
        }
        let synced = try await store.countedClients(server: id)
        return try .json(ServerSync(synced: synced, lastSyncAt: lastSync))
    }

    private func syncClient(_ request: Request, _ id: Int64) async throws -> Response {
        let wait = try await patience(request)
        let servers = Set(try await store.client(id).current.map(\.server))
        let answers = try await read(servers.sorted(), wait: wait)
        let client = try await store.client(id)
        let missing = answers.filter { !$0.value }.keys.sorted()
        var absent: [ServerRecord] = []
        for id in missing { absent.append(try await store.server(id)) }
        return try .json(
            ClientSync(
                stats: client.stats(now: now), lastSyncAt: client.lastSync,
                message: absent.isEmpty ? nil : absence(absent)),
            status: absent.isEmpty ? .ok : .accepted)
    }

    private func patience(_ request: Request) async throws -> Duration {
        try await Bodies.fields(request).allow()
        return try Query(request, allowing: "wait").wait(default: 10, atMost: 60)
    }

    /// Asks agents for a reading, and waits until it is booked; says of each whether it is.
    func read(_ servers: [Int64], wait: Duration) async throws -> [Int64: Bool] {
        let deadline = ContinuousClock.now + wait
        return try await withThrowingTaskGroup(of: (Int64, Bool).self) { group in
            for server in servers {
                group.addTask { (server, try await readOne(server, until: deadline)) }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    private func readOne(
        _ server: Int64, until deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        guard state(try await store.server(server)) == .online else { return false }
        let ticket = try await store.askForReading(server: server)
        desired.notify(server)
        while true {
            let known = pushes.generations(of: [server])
            if try await store.server(server).ticketAnswered >= ticket { return true }
            let rest = deadline - .now
            guard rest > .zero else { return false }
            let wake = await pushes.wait(for: known, atMost: rest)
            if wake == .cancelled { return false }
        }
    }

    private func absence(_ servers: [ServerRecord]) -> String {
        servers.map { server in
            switch state(server) {
            case .waiting: "the agent of \(server.name) has not joined yet"
            case .away:
                """
                the agent of \(server.name) is away since \
                \(Timestamp(nanoseconds: max(server.lastContact, links.lastCall(server.id))))
                """
            case .online: "the agent of \(server.name) has not answered in time"
            }
        }.joined(separator: "; ")
    }
}
