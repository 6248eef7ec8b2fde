import AgentProtocol
import Logging
import ServiceLifecycle

/// Sends inventory, batches and outcomes to the controller.
struct Uplink: Service {
    let keeper: Keeper
    let link: ControllerLink
    let state: LinkState
    let logger: Logger
    let wakeup: Wakeup

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var backoff = Backoff(longest: .seconds(60))
            var random = SystemRandomNumberGenerator()
            while !Task.isCancelled {
                do {
                    try await exchange()
                    backoff.succeeded()
                    if state.reached() { logger.notice("the controller is reached") }
                    await wakeup.wait(atMost: await keeper.options.pushInterval)
                } catch {
                    guard !Task.isCancelled else { return }
                    if state.failed("\(error)") { logger.error("\(error)") }
                    try? await Task.sleep(for: backoff.failed(random: &random))
                }
            }
        }
    }

    /// Tells the controller everything that it does not know yet.
    func exchange(timeout: Duration = .seconds(30)) async throws {
        while let inventory = await keeper.inventoryMessage() {
            let answer: WireInventoryAnswer = try await link.post(
                "/agent/v1/inventory", inventory, timeout: timeout)
            try await keeper.adopt(answer, for: inventory)
        }
        try await sendOutcomes(timeout: timeout)
        while let push = try await keeper.pushMessage() {
            let answer: WirePushAnswer = try await link.post(
                "/agent/v1/batches", push, timeout: timeout)
            guard try await keeper.acknowledge(answer) else {
                throw AgentError(
                    doing: "hand over batches",
                    reason: "the controller has applied \(answer.applied) and takes none of them")
            }
        }
    }

    private func sendOutcomes(timeout: Duration) async throws {
        guard let outcomes = await keeper.outcomesMessage() else { return }
        let answer: WireOutcomesAnswer = try await link.post(
            "/agent/v1/outcomes", outcomes, timeout: timeout)
        if answer.acknowledged >= outcomes.number { await keeper.acknowledgeOutcomes(outcomes) }
    }
}
