import Foundation
import TestSupport
import Testing

/// A directory with a `controller.sock` that answers what the test says.
final class CannedController: Sendable {
    let directory: String
    private let job: Job

    init(_ answers: [String: (Int, String)]) async throws {
        directory = "/tmp/tk-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        let pairs = answers.map { call, answer in
            "\"\(call)\": [\(answer.0), \(answer.1)]"
        }
        let file = directory + "/answers.json"
        try "{\(pairs.joined(separator: ","))}".write(
            toFile: file, atomically: true, encoding: .utf8)
        let fixture = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Fixtures/http/canned.py").path
        let words = ["python3", fixture, directory + "/controller.sock", file]
        let job = try Job(words, holdsInput: true)
        self.job = job
        let first = try await offPool { job.firstLine() }
        try #require(first == "ready\n", "the canned controller did not start: \(job.errors)")
    }

    deinit {
        job.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// The calls so far, one a line.
    func calls() -> [String] {
        job.output.split(separator: "\n").dropFirst().map(String.init)
    }
}
