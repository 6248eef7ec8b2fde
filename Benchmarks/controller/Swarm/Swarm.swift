import Foundation
import NIOPosix

/// Many simulated agents, and what they are told to do.
actor Swarm {
    private let agents: [SimulatedAgent]
    private let keys: Int
    private let rows: Int
    private let token: String
    private let board = Board()
    private var waiting: [Task<Void, Never>] = []
    private var pushing: [Task<Void, Never>] = []
    private var backlogs: [[PreparedPush]] = []

    init(agents: Int, keys: Int, rows: Int, token: String, endpoint: Endpoint) {
        self.agents = (0..<agents).map { SimulatedAgent(number: $0, endpoint: endpoint) }
        (self.keys, self.rows, self.token) = (keys, rows, token)
    }

    /// Does what a line of standard input says, and returns what came of it.
    func perform(_ line: String) async throws -> [String: Double] {
        let words = line.split(separator: " ")
        let numbers = words.dropFirst().compactMap { Double($0) }
        switch (words.first, numbers.count) {
        case ("join", 0): return try await join()
        case ("ingest", 3):
            return try await ingest(
                ProcessFigures(pid: Int32(numbers[0])), seconds: numbers[1],
                atOnce: Int(numbers[2]))
        case ("wait", 0):
            if keys == 0 { for agent in agents { await agent.rest() } }
            startWaiting()
            return try await untilAllAreHeld()
        case ("reconnect", 0): return try await untilAllAreHeld()
        case ("push", 1):
            startPushing(every: numbers[0])
            return [:]
        case ("report", 1): return try report(ProcessFigures(pid: Int32(numbers[0])))
        case ("reset", 0):
            board.reset()
            return [:]
        case ("outage", 0): return try await beginOutage()
        case ("drain", 0): return try await drain()
        default: throw SwarmError("unknown words: \(line)")
        }
    }

    /// The first failure that an agent met; empty for none.
    var firstFailure: String { board.now.firstFailure }

    // MARK: What it can do

    private func join() async throws -> [String: Double] {
        let start = monotonicSeconds()
        let (keys, token) = (keys, token)
        // The first one takes the server's own name; the rest become its twins.
        try await agents.first?.join(token: token)
        try await each(agents.dropFirst(), atOnce: 32) { try await $0.join(token: token) }
        let joined = monotonicSeconds()
        if keys > 0 { try await each(agents, atOnce: 16) { try await $0.tell(keys: keys) } }
        return [
            "agents": Double(agents.count), "join_seconds": joined - start,
            "keys": Double(keys * agents.count), "tell_seconds": monotonicSeconds() - joined,
        ]
    }

    /// Agents take turns, so many of them at once, each with one batch, as fast as the controller
    /// takes them.
    private func ingest(
        _ controller: ProcessFigures, seconds: Double, atOnce: Int
    ) async throws -> [String: Double] {
        let (agents, rows, board) = (agents, rows, board)
        // The first batch of a credential makes its rows in the store.
        for _ in 0..<max(1, keys / max(rows, 1)) {
            try await each(agents, atOnce: atOnce) { _ = try await $0.push(rows: rows) }
        }
        board.reset()
        let (start, cpu) = (monotonicSeconds(), try controller.cpuSeconds())
        let end = start + seconds
        try await each(0..<atOnce, atOnce: atOnce) { lane in
            for index in sequence(first: lane, next: { ($0 + atOnce) % agents.count }) {
                guard monotonicSeconds() < end else { return }
                do {
                    board.pushed(try await agents[index].push(rows: rows))
                } catch {
                    board.refused(error)
                    return
                }
            }
        }
        let counts = board.now
        return [
            "deltas": Double(counts.rows), "pushes": Double(counts.pushes),
            "refused": Double(counts.refused), "cpu": try controller.cpuSeconds() - cpu,
            "seconds": monotonicSeconds() - start,
        ]
    }

    private func startWaiting() {
        let board = board
        waiting = agents.map { agent in
            Task {
                var backoff = SwarmBackoff()
                while !Task.isCancelled {
                    do {
                        // An answer at once shows that the controller has let this agent in.
                        try await agent.ask(wait: 0)
                        board.hold(agent.number)
                        backoff.succeeded()
                        while !Task.isCancelled { try await agent.ask(wait: 50) }
                    } catch {
                        board.release(agent.number, Task.isCancelled ? nil : error)
                        try? await Task.sleep(for: backoff.failed())
                    }
                }
            }
        }
    }

    /// Every agent pushes every so many seconds, not all at the same moment.
    private func startPushing(every seconds: Double) {
        let (rows, board) = (rows, board)
        pushing = agents.map { agent in
            Task {
                try? await Task.sleep(for: .seconds(Double.random(in: 0...seconds)))
                while !Task.isCancelled {
                    do {
                        board.pushed(try await agent.push(rows: rows))
                    } catch  where !Task.isCancelled {
                        board.refused(error)
                    } catch {}
                    try? await Task.sleep(for: .seconds(seconds))
                }
            }
        }
    }

    private func untilAllAreHeld() async throws -> [String: Double] {
        let start = monotonicSeconds()
        while board.held < agents.count, monotonicSeconds() < start + 120 {
            try await Task.sleep(for: .milliseconds(10))
        }
        return ["seconds": monotonicSeconds() - start, "held": Double(board.held)]
    }

    private func report(_ controller: ProcessFigures) throws -> [String: Double] {
        let counts = board.now
        return [
            "held": Double(counts.held.count), "lost": Double(counts.lost),
            "pushes": Double(counts.pushes), "refused": Double(counts.refused),
            "rows": Double(counts.rows), "cpu": try controller.cpuSeconds(),
            "resident_mib": try controller.mebibytes("VmRSS"),
            "anonymous_mib": try controller.mebibytes("RssAnon"),
            "threads": try controller.number("Threads"),
        ]
    }

    /// Nobody reaches the controller, and an hour's data gathers.
    private func beginOutage() async throws -> [String: Double] {
        for task in waiting + pushing { task.cancel() }
        for agent in agents { await agent.hangUp() }
        for task in waiting + pushing { await task.value }
        (waiting, pushing) = ([], [])
        backlogs = []
        for agent in agents { backlogs.append(try await agent.prepareBacklog(rows: rows)) }
        let all = backlogs.joined()
        return [
            "rows": Double(all.reduce(0) { $0 + $1.rows }),
            "bytes": Double(all.reduce(0) { $0 + $1.body.count }),
        ]
    }

    /// Every agent comes back when its wait is over, and pushes what has gathered.
    private func drain() async throws -> [String: Double] {
        let start = monotonicSeconds()
        let board = board
        board.reset()
        let work = Array(zip(agents, backlogs))
        try await each(work, atOnce: work.count) { agent, backlog in
            try await Task.sleep(for: SwarmBackoff.late())
            do {
                try await agent.ask(wait: 0)
                for push in backlog {
                    try await agent.push(push)
                    board.pushed(push.rows)
                }
            } catch {
                board.refused(error)
            }
        }
        let counts = board.now
        return [
            "seconds": monotonicSeconds() - start, "rows": Double(counts.rows),
            "refused": Double(counts.refused),
        ]
    }

    // MARK: Parts

    /// Does `body` for each element, so many at once.
    private nonisolated func each<Element: Sendable>(
        _ elements: some Sequence<Element>, atOnce limit: Int,
        _ body: @escaping @Sendable (Element) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, element) in elements.enumerated() {
                if index >= limit { try await group.next() }
                group.addTask { try await body(element) }
            }
            try await group.waitForAll()
        }
    }
}
