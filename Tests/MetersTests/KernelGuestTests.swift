import Foundation
import Testing

/// Boots the guest and runs there what is in `KernelChecks`: the running kernel of most machines
/// that test has no WireGuard.
@Suite struct KernelGuestTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()

    @Test(.timeLimit(.minutes(5)), .enabled(if: !KernelLab.isHere))
    func everyCheckPassesAgainstTheKernelsWireGuard() throws {
        let (status, output) = try Self.guest("--filter KernelChecks --skip Recording")
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

    /// Runs this very test program in the guest.
    static func guest(_ arguments: String) throws -> (status: Int32, output: String) {
        let payload = FileManager.default.temporaryDirectory
            .appending(path: "tollkeeper-guest-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: payload, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: payload) }
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let strip = try run("strip", "-o", payload.appending(path: "tests").path, program)
        try #require(strip.status == 0, "\(strip.output)")
        let guest = folder.deletingLastPathComponent().appending(path: "VM/guest").path
        return try run(
            guest, "run", "--program", "wg", "--program", "ip", "--seconds", "240", payload.path,
            "./tests --testing-library swift-testing --no-parallel \(arguments)")
    }

    private static func run(_ program: String, _ arguments: String...) throws -> (
        status: Int32, output: String
    ) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [program] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
