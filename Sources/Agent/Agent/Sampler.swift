import Netlink
import ServiceLifecycle

/// Reads every meter again and again, and at once when an interface changes.
struct Sampler: Service {
    let keeper: Keeper
    /// Rung when there is something to send before its turn, and when its turn has come.
    let sender: Wakeup
    let wakeup = Wakeup()

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await listen() }
                group.addTask { await guardTable() }
                group.addTask { await sample() }
            }
        }
    }

    private func sample() async {
        var lastSent = ContinuousClock.now
        while !Task.isCancelled {
            await keeper.cycle()
            let isItsTurn = .now - lastSent >= (await keeper.options.pushInterval)
            let hasNews = await keeper.hasNews
            if hasNews || isItsTurn {
                lastSent = .now
                sender.ring()
            }
            await wakeup.wait(atMost: await keeper.patience())
        }
    }

    /// An interface that comes up gets its peers a moment later, and nothing tells of that: look
    /// at once and a few times more.
    private func listen() async {
        guard let monitor = try? LinkMonitor.open() else { return }
        defer { monitor.close() }
        for await _ in monitor.events {
            for pause in [Duration.zero, .milliseconds(100), .milliseconds(400), .seconds(1)] {
                try? await Task.sleep(for: pause)
                guard !Task.isCancelled else { return }
                wakeup.ring()
            }
        }
    }

    /// What another program removes from the agent's own table is put back at once.
    private func guardTable() async {
        guard await keeper.options.mode == .enforce,
            let monitor = try? TableMonitor.open(table: "tollkeeper")
        else { return }
        defer { monitor.close() }
        for await _ in monitor.events {
            guard !Task.isCancelled else { return }
            wakeup.ring()
            // The agent's own changes are told, too; and nobody makes it read without end.
            try? await Task.sleep(for: .milliseconds(250))
        }
    }
}
