import Foundation
import TestSupport
import Testing

/// Boots the guest and runs there what is in `KernelChecks`: the running kernel of most machines
/// that test has no WireGuard.
@Suite struct KernelGuestTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()

    @Test(.timeLimit(.minutes(20)), .enabled(if: !Guest.isHere))
    func everyCheckPassesAgainstTheKernelsWireGuard() throws {
        let (status, output) = try Guest.test(
            ["--filter", "KernelChecks", "--skip", "Recording", "--skip", "AmneziaOnly"],
            tools: ["wg", "ip"], seconds: 900)
        #expect(status == 0, "\(output)")
        let expected = try Self.numberOfChecks()
        try #require(expected > 10)
        #expect(output.contains("Test run with \(expected) tests"), "\(output)")
    }

    /// How many tests the sources of `KernelChecks` hold, the recording aside.
    private static func numberOfChecks() throws -> Int {
        let inGuest = folder.appending(path: "InGuest")
        let files = try FileManager.default.contentsOfDirectory(atPath: inGuest.path)
        return try files.filter { $0.hasSuffix("Checks.swift") }.map {
            let text = try String(contentsOf: inGuest.appending(path: $0), encoding: .utf8)
            return text.components(separatedBy: "@Test").count - 1
        }.reduce(0, +)
    }
}
