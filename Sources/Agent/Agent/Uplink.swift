import Accounting
import AgentProtocol
import HTTPClient
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
                    if state.reached(by: .uplink) { logger.notice("pushing works again") }
                    await wakeup.wait(atMost: await keeper.options.pushInterval)
                } catch {
                    guard !Task.isCancelled else { return }
                    if state.failed(error, by: .uplink) { logger.error("\(error)") }
                    try? await Task.sleep(for: backoff.failed(random: &random))
                }
            }
        }
    }

    /// Tells the controller everything that it does not know yet. What it refuses of one kind does
    /// not hold up the others; the first failure is thrown at the end.
    func exchange(timeout: Duration = .seconds(30)) async throws {
        var failure: (any Error)?
        for send in [fetchCounters, sendInventory, sendOutcomes, sendBatches] {
            do {
                try await send(timeout)
            } catch {
                failure = failure ?? error
                if (error as? HTTPClientError)?.code == .cancelled { break }
            }
        }
        if let failure { throw failure }
    }

    /// Asks what the controller knows of this server's counters, which a ledger that begins anew
    /// must know before it books anything.
    private func fetchCounters(timeout: Duration) async throws {
        guard await keeper.awaitsCounters else { return }
        var predecessor = Predecessor()
        var after: UInt64 = 0
        while let page = try await link.knownCounters(after: after, timeout: timeout) {
            predecessor.add(page)
            guard page.next > after else { break }
            after = page.next
        }
        try await keeper.begin(after: predecessor)
    }

    private func sendInventory(timeout: Duration) async throws {
        while let inventory = try await keeper.inventoryMessage() {
            let answer: WireInventoryAnswer = try await link.post(
                "/agent/v1/inventory", inventory, timeout: timeout)
            try await keeper.adopt(answer, for: inventory)
        }
    }

    private func sendOutcomes(timeout: Duration) async throws {
        guard let outcomes = await keeper.outcomesMessage() else { return }
        let answer: WireOutcomesAnswer = try await link.post(
            "/agent/v1/outcomes", outcomes, timeout: timeout)
        if answer.acknowledged >= outcomes.number { await keeper.acknowledgeOutcomes(outcomes) }
    }

    private func sendBatches(timeout: Duration) async throws {
        while let attempt = try await keeper.pushAttempt() {
            let answer: WirePushAnswer = try await link.post(
                "/agent/v1/batches", attempt.push, timeout: timeout)
            try await keeper.take(answer, for: attempt)
            // A controller that has lost batches is told of every key before it is caught up.
            try await sendInventory(timeout: timeout)
        }
    }
}
