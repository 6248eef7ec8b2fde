import Foundation
import Synchronization

@testable import Agent

/// Which seeds to run, as the environment says.
struct SimulationPlan: Sendable {
    /// The seed to replay and tell of; nil: many.
    var single: UInt64?
    var first: UInt64 = 1
    /// How many at most.
    var count: UInt64 = .max
    /// For how long at most.
    var seconds: Double = 15
    var workers = 2
    var steps = 200
    var faults = Fault.allCases

    init(_ environment: [String: String]) {
        func number(_ name: String) -> UInt64? {
            environment["SIMULATE_\(name)"].flatMap(UInt64.init)
        }
        single = number("SEED")
        first = number("FIRST") ?? first
        if let seeds = number("SEEDS") { (count, seconds) = (seeds, .infinity) }
        if let time = number("SECONDS") { seconds = Double(time) }
        workers = number("WORKERS").map { Int($0) } ?? workers
        steps = number("STEPS").map { Int($0) } ?? steps
        if let names = environment["SIMULATE_FAULTS"] {
            faults = names.split(separator: ",").compactMap { Fault(rawValue: String($0)) }
        }
        if let names = environment["SIMULATE_WITH"] {
            faults += names.split(separator: ",").compactMap { Fault(rawValue: String($0)) }
        }
        if let names = environment["SIMULATE_WITHOUT"] {
            let without = names.split(separator: ",").compactMap { Fault(rawValue: String($0)) }
            faults.removeAll { without.contains($0) }
        }
    }
}

/// Runs seeds side by side, each for itself.
final class Simulator: Sendable {
    struct Failure: Sendable {
        var seed: UInt64
        var reason: String
        var notes: [String]

        var report: String {
            """
            --- seed \(seed): the last that happened
            \(notes.joined(separator: "\n"))
            seed \(seed) FAILED: \(reason)
            replay it with: make simulate SEED=\(seed)
            """
        }
    }

    struct Outcome: Sendable {
        var seeds: UInt64 = 0
        var failures: [Failure] = []
        /// Keys that were charged less than they used, and told so.
        var unproven = 0
        /// Requests of closed ledgers that came late and were refused.
        var lateRefusals = 0
        /// Looks at a spool that was full.
        var fullSpools = 0
    }

    /// How many failures are enough.
    private static let mostFailures = 5

    private let plan: SimulationPlan
    private let begun = ContinuousClock.now
    private let next: Mutex<UInt64>
    private let outcome = Mutex(Outcome())

    init(_ plan: SimulationPlan) {
        self.plan = plan
        next = Mutex(plan.single ?? plan.first)
    }

    /// Seconds since it was made.
    var elapsed: Double { (ContinuousClock.now - begun) / .seconds(1) }

    func run() async throws -> Outcome {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<(plan.single == nil ? plan.workers : 1) {
                group.addTask { try await self.work() }
            }
            try await group.waitForAll()
        }
        return outcome.withLock { $0 }
    }

    private func work() async throws {
        let executor = try ThreadExecutor()
        while let seed = take() {
            let failure = try await run(seed, executor)
            outcome.withLock { outcome in
                outcome.seeds += 1
                if let failure { outcome.failures.append(failure) }
            }
        }
    }

    /// The next seed; nil where enough were run.
    private func take() -> UInt64? {
        guard outcome.withLock({ $0.failures.count }) < Self.mostFailures else { return nil }
        return next.withLock { next in
            if let single = plan.single {
                guard next == single else { return nil }
            } else {
                guard next - plan.first < plan.count, elapsed < plan.seconds else { return nil }
            }
            defer { next += 1 }
            return next
        }
    }

    private func run(_ seed: UInt64, _ executor: ThreadExecutor) async throws -> Failure? {
        let base = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : "/tmp"
        let folder = "\(base)/tollkeeper-simulation-\(getpid())-\(seed)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let world = try World(
            seed: seed, folder: folder, executor: executor, tells: plan.single != nil)
        defer { world.end() }
        defer {
            outcome.withLock {
                $0.unproven += world.unprovenKeys
                $0.lateRefusals += world.lateRefusals
                $0.fullSpools += world.fullSpools
            }
        }
        do {
            world.chooseFaults(from: plan.faults)
            try await world.build()
            try await world.run(steps: plan.steps)
            return nil
        } catch {
            return Failure(seed: seed, reason: "\(error)", notes: world.notes)
        }
    }
}
