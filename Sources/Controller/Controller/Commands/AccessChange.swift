import API

/// One change of access to every client that was named.
struct AccessChange {
    let verb: String
    let method: String
    /// What follows `/api/clients/ID`.
    let path: String
    let selection: ClientSelection
    let wait: WaitOptions
    let json: Bool
    /// The question to ask first; nil for none.
    var confirmation: Confirmation?

    /// Calls under way at once.
    private static let width = 16

    /// Does it to all, whatever becomes of one; throws the worst exit status at the end.
    func perform(in world: World, through connection: Connection) async throws {
        let server = try await connection.serverID(selection.server)
        let clients = try await connection.clients(selection.clients, server: server, in: world)
        let names = clients.map { "\($0.name) (id:\($0.id))" }.joined(separator: ", ")
        try confirmation?.ask("\(verb) \(names)?", in: world)
        var worst: CommandFailure.Status?
        for start in stride(from: 0, to: clients.count, by: Self.width) {
            let some = clients[start..<min(start + Self.width, clients.count)]
            for (client, result) in await call(some, server, connection) {
                let report = AccessReport(client.name, result)
                if json { world.out(report.json) } else { world.out(report.text) }
                if let complaint = report.complaint { world.err(complaint) }
                worst = Self.worse(worst, report.status)
            }
        }
        if let worst { throw CommandFailure(worst) }
    }

    private func call(
        _ clients: ArraySlice<ClientInfo>, _ server: Int64?, _ connection: Connection
    ) async -> [(ClientInfo, Result<Answer, any Error>)] {
        // A delete is for every server; there `--server` only says which client is meant.
        let server = method == "DELETE" ? nil : server
        let query = [("wait", "\(wait.seconds)"), ("server_id", server.map { "\($0)" })]
        return await withTaskGroup(of: (Int, Result<Answer, any Error>).self) { group in
            for (index, client) in zip(clients.indices, clients) {
                let (method, path) = (method, "/api/clients/\(client.id)\(path)")
                let timeout = wait.seconds + 30
                group.addTask {
                    do {
                        let answer = try await connection.call(
                            method, path, query, timeout: timeout)
                        return (index, .success(answer))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            var results: [Int: Result<Answer, any Error>] = [:]
            for await (index, result) in group { results[index] = result }
            return clients.indices.compactMap { index in
                results[index].map { (clients[index], $0) }
            }
        }
    }

    /// Failed before not found before pending before done.
    private static func worse(
        _ first: CommandFailure.Status?, _ second: CommandFailure.Status?
    ) -> CommandFailure.Status? {
        [.failed, .notFound, .pending].first { $0 == first || $0 == second }
    }
}

/// What became of one client.
struct AccessReport {
    /// The API's own answer; empty where there was none.
    private(set) var json = ""
    /// Lines for standard output.
    private(set) var text = ""
    /// A line for standard error; nil for none.
    private(set) var complaint: String?
    /// Nil for done.
    private(set) var status: CommandFailure.Status?

    init(_ name: String, _ result: Result<Answer, any Error>) {
        do {
            let answer = try result.get()
            json = answer.line
            take(try answer.decode(EnforcementAnswer.self), name)
        } catch let refusal as Refusal {
            json = refusal.answer.line
            complain(name, refusal.message, refusal.status)
        } catch let failure as CommandFailure {
            complain(name, failure.message ?? "failed", failure.status)
        } catch {
            complain(name, "\(error)", .failed)
        }
    }

    private mutating func take(_ answer: EnforcementAnswer, _ name: String) {
        let enforcement = answer.enforcement
        let latency = enforcement.latencyMs.map { " (enforced in \($0) ms)" } ?? ""
        text = SafeText.escape("\(name): \(answer.message)\(latency)") + "\n"
        for server in enforcement.servers where server.state != .enforced || server.detail != nil {
            let detail = server.detail.map { ": \($0)" } ?? ""
            text +=
                "  " + SafeText.escape("\(server.server): \(server.state.words)\(detail)") + "\n"
        }
        switch enforcement.state {
        case .enforced: status = nil
        case .pending: status = .pending
        case .failed: status = .failed
        }
    }

    private mutating func complain(
        _ name: String, _ message: String, _ status: CommandFailure.Status
    ) {
        complaint = SafeText.escape("tollkeeper: \(name): \(message)") + "\n"
        self.status = status
    }
}

extension EnforcementState {
    fileprivate var words: String {
        switch self {
        case .enforced: "enforced"
        case .pending: "saved, not yet enforced"
        case .failed: "could not be done"
        }
    }
}
