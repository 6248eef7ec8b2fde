import Foundation
import Testing

@testable import Agent

/// Runs seeds: one that is named, or as many as fit in the time.
@Suite(.serialized) struct SimulationTests {
    @Test func totalsEqualTheTruthUnderEveryFault() async throws {
        try #require(WatchedFiles.isInstalled)
        let plan = SimulationPlan(ProcessInfo.processInfo.environment)
        let simulator = Simulator(plan)
        let outcome = try await simulator.run()
        print("simulated \(outcome.seeds) seeds in \(Int(simulator.elapsed)) s")
        print(
            "\(outcome.unproven) keys charged less, \(outcome.lateRefusals) late requests of "
                + "closed ledgers refused, \(outcome.fullSpools) looks at full spools")
        for failure in outcome.failures {
            print(failure.report)
            Issue.record("seed \(failure.seed): \(failure.reason)")
        }
        #expect(outcome.seeds > 0)
    }
}
