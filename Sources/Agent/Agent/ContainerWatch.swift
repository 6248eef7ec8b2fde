import Meters
import ServiceLifecycle

/// Keeps up with which containers run: asks when one starts or ends, and every reading anyway.
struct ContainerWatch: Service {
    let keeper: Keeper
    let finder: ContainerFinder
    /// Rung when the containers are others than before.
    let sampler: Wakeup

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await finder.waitForNews(atMost: await keeper.options.readInterval)
                if await look() { sampler.ring() }
            }
        }
    }

    /// Tells the keeper which containers run now; whether that is something new.
    @discardableResult
    func look() async -> Bool {
        guard await keeper.options.containers != [] else { return await keeper.note(.init()) }
        return await keeper.note(await finder.look())
    }
}
