import Foundation
import FuzzTargets
import TestSupport
import Testing

#if canImport(ControllerFuzzTargets)
    import ControllerFuzzTargets
#endif

/// Every fuzz target over its kept inputs and over seeded changes of them, without a sanitizer.
/// `make fuzz` goes on with coverage to guide it.
@Suite struct FuzzTests {
    static var targets: [FuzzTarget] {
        #if canImport(ControllerFuzzTargets)
            FuzzTarget.all + AgentTargets.all + ControllerTargets.all
        #else
            FuzzTarget.all + AgentTargets.all
        #endif
    }

    /// Changed inputs for each target.
    static let changes = Chance.count("TEST_FUZZ_INPUTS", usual: 400)
    static let seed = Chance.seed(of: "fuzz")

    @Test(arguments: targets.map(\.name))
    func nothingThatIsGivenIsBelievedOrEndsTheProgram(_ name: String) async throws {
        let target = try #require(Self.targets.first { $0.name == name })
        let kept = try Self.corpus(of: name)
        try #require(!kept.isEmpty, "there is no input in Tests/Fuzz/corpus/\(name)")
        for input in kept { await check(target, input) }
        var mutator = Mutator(SeededRandom(seed: Self.seed))
        for _ in 0..<Self.changes { await check(target, mutator.input(from: kept)) }
    }

    /// The input is at hand where a target ends the whole program.
    private func check(_ target: FuzzTarget, _ input: [UInt8]) async {
        do {
            try await target.run(input)
        } catch {
            Issue.record("\(target.name): \(error); input: \(Data(input).base64EncodedString())")
        }
    }

    private static func corpus(of name: String) throws -> [[UInt8]] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Fuzz/corpus/\(name)")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        return try files.sorted().map { [UInt8](try Data(contentsOf: folder.appending(path: $0))) }
    }
}
