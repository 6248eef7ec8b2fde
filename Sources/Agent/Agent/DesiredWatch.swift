import AgentProtocol
import Logging
import ServiceLifecycle

/// Keeps a request waiting at the controller, which answers it as soon as access changes.
struct DesiredWatch: Service {
    let keeper: Keeper
    let link: ControllerLink
    let state: LinkState
    let logger: Logger
    let sender: Wakeup
    /// Rung when a key was blocked, whose last bytes are due sooner than the next reading.
    let sampler: Wakeup

    /// How long the controller may let the request wait.
    static let wait = Duration.seconds(50)
    /// How long what else is to be done waits for the controller to take outcomes.
    private static let patience = Duration.seconds(2)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var backoff = Backoff(longest: .seconds(15))
            var random = SystemRandomNumberGenerator()
            while !Task.isCancelled {
                do {
                    // An answer at once shows that the controller is there again.
                    try await ask(wait: backoff.failures == 0 ? Self.wait : .zero)
                    backoff.succeeded()
                } catch {
                    guard !Task.isCancelled else { return }
                    if state.failed(error, by: .desiredWatch) { logger.error("\(error)") }
                    try? await Task.sleep(for: backoff.failed(random: &random))
                }
            }
        }
    }

    /// Asks once, and takes over what the controller wants.
    func ask(wait: Duration = wait) async throws {
        var answer = try await question(wait)
        if answer?.wantsSet == true {
            try await handOver()
            answer = try await question(wait)
        }
        guard answer?.wantsSet != true else {
            throw AgentError(
                doing: "tell the controller what is shut on this host",
                reason: "it took that and asks for it again; what is shut here stays shut")
        }
        if let answer {
            let adoption = try await keeper.adopt(answer)
            await tell(adoption)
            await keeper.catchUp()
            sender.ring()
            if await keeper.isSettling { sampler.ring() }
            guard adoption.isExact else {
                throw AgentError(
                    doing: "take over everything that the controller wants",
                    reason: "it is behind what this host holds, as after it was put back from an "
                        + "older copy; what is shut here stays shut")
            }
        }
        _ = state.reached(by: .desiredWatch)
    }

    /// Tells what was verified at once, since somebody may be waiting for it, before the inventory,
    /// batches and configuration files. What fails here the uplink tells.
    private func tell(_ adoption: Adoption) async {
        guard let outcomes = adoption.outcomes else { return }
        try? await link.tell(
            outcomes, of: keeper, newestBatch: adoption.newestBatch, timeout: Self.patience)
    }

    private func question(_ wait: Duration) async throws -> WireDesired? {
        let position = await keeper.desiredPosition()
        return try await link.desired(
            after: (position.revision, position.digest), ticket: position.ticket, wait: wait)
    }

    /// Tells a controller that lost it what this host holds, and learns how far it has come.
    private func handOver() async throws {
        let handover = try await keeper.handover()
        let answer: WireDesiredSetAnswer = try await link.post("/agent/v1/desired", handover.set)
        try await keeper.take(answer, for: handover)
        sender.ring()
    }
}
