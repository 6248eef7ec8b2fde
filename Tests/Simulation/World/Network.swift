import HTTPClient

extension World {
    /// Carries a request to the controller and its answer back; nil where either is lost. While
    /// they are under way other things go on.
    func carry(_ request: HTTPRequest, from agent: AgentSide) async throws -> HTTPResponse? {
        // What the agent has read until now is in its ledger, or will never be.
        try await agent.witness()
        let place = request.url.split(separator: "/").last ?? ""
        if suffers(.loss, 150) {
            note("  \(agent.host.name): request \(place) is lost")
            return nil
        }
        if suffers(.delay, 100) { delayed.append(request) }
        try await meanwhile(agent)
        let response = try await deliver(request)
        if suffers(.repetition, 100) { _ = try await deliver(request) }
        try await meanwhile(agent)
        if suffers(.loss, 150) {
            note("  \(agent.host.name): answer \(place) is lost")
            return nil
        }
        return response
    }

    func deliver(_ request: HTTPRequest) async throws -> HTTPResponse? {
        guard !isControllerAway else { return nil }
        let answer = try await controller.answer(request)
        let place = request.url.split(separator: "/").last?.prefix { $0 != "?" } ?? ""
        let said = request.headers.filter { $0.name.hasPrefix("Tollkeeper-") }
        note("      \(place) \(said.map { $0.value.prefix(14) }): \(answer?.status ?? 0)")
        return answer
    }

    /// What happens while a request or an answer is under way.
    private func meanwhile(_ agent: AgentSide) async throws {
        guard !isCalm, depth < 3, chance.happens(250) else { return }
        depth += 1
        defer { depth -= 1 }
        pass(seconds: chance.below(5))
        traffic()
        switch chance.below(4) {
        case 0: try await agent.cycle()
        case 1: try await agent.ask()
        case 2: disturb(agent.host)
        default: break
        }
    }

    /// Delivers a request that was long under way.
    func deliverLate() async throws {
        guard !delayed.isEmpty else { return }
        let late = delayed.remove(at: chance.below(delayed.count))
        note("late: \(late.url)")
        try await deliverLate(late)
    }

    /// Delivers a request when nobody waits for its answer any more; one of a ledger that a new
    /// join has closed must be refused.
    func deliverLate(_ late: HTTPRequest) async throws {
        guard let response = try await deliver(late) else { return }
        let ledger = late.headers.first { $0.name == "Tollkeeper-Ledger" }?.value ?? ""
        guard closedLedgers.contains(ledger) else { return }
        lateRefusals += 1
        guard [401, 403, 409].contains(response.status) else {
            throw Violation("\(late.url) of a closed ledger was answered \(response.status)")
        }
    }
}
