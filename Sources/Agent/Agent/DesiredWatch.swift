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

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var backoff = Backoff(longest: .seconds(15))
            var random = SystemRandomNumberGenerator()
            while !Task.isCancelled {
                do {
                    try await ask()
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
    func ask() async throws {
        let position = try await keeper.desiredPosition()
        let answer = try await link.desired(
            after: (position.revision, position.digest), ticket: position.ticket, wait: Self.wait)
        if let answer {
            let isSame = try await keeper.adopt(answer)
            sender.ring()
            if await keeper.isSettling { sampler.ring() }
            guard isSame else {
                throw AgentError(
                    doing: "take over everything that the controller wants",
                    reason: "it is behind what this host holds, as after it was put back from an "
                        + "older copy; what is shut here stays shut")
            }
        }
        _ = state.reached(by: .desiredWatch)
    }
}
