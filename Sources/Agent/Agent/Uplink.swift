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
    /// How long it waits behind failures, unless the controller is known to be back earlier.
    var backoff = Backoff(longest: .seconds(60))

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var backoff = backoff
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
                    await state.isBack.wait(atMost: backoff.failed(random: &random))
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
        try await link.tellOutcomes(of: keeper, timeout: timeout)
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
