import ArgumentParser
import Foundation
import Synchronization
import Testing

@testable import Controller

/// A terminal session as a test plays it: what is typed, and what came out.
final class Script: Sendable {
    private struct State {
        var input: [String]
        var output = ""
        var errors = ""
    }

    private let state: Mutex<State>
    private let environment: [String: String]
    private let isTerminal: Bool

    init(input: [String] = [], environment: [String: String] = [:], isTerminal: Bool = false) {
        state = Mutex(State(input: input))
        self.environment = environment
        self.isTerminal = isTerminal
    }

    var output: String { state.withLock(\.output) }
    var errors: String { state.withLock(\.errors) }

    var world: World {
        World(
            environment: environment, isInputTerminal: isTerminal, isColoured: false,
            readLine: {
                self.state.withLock { $0.input.isEmpty ? nil : $0.input.removeFirst() }
            },
            out: { text in self.state.withLock { $0.output += text } },
            err: { text in self.state.withLock { $0.errors += text } })
    }

    /// Runs a command line as the program would; answers the exit status.
    func run(_ arguments: [String]) async throws -> Int32 {
        let command: any ControllerCommand
        do {
            guard let parsed = try Tollkeeper.parseAsRoot(arguments) as? any ControllerCommand
            else {
                throw CommandFailure(.usage, "no such command")
            }
            command = parsed
        } catch {
            state.withLock { $0.errors += Tollkeeper.fullMessage(for: error) }
            return Tollkeeper.exitCode(for: error).rawValue
        }
        return await command.execute(in: world)
    }
}

/// A directory with a `controller.sock` that answers what the test says.
final class CannedController: Sendable {
    let directory: String
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

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
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", fixture, directory + "/controller.sock", file]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let pipe = output
        let first = await withCheckedContinuation { continuation in
            Thread {
                var line = Data()
                while !line.contains(0x0a), case let part = pipe.fileHandleForReading.availableData,
                    !part.isEmpty
                { line += part }
                continuation.resume(returning: line)
            }.start()
        }
        try #require(first == Data("ready\n".utf8), "the canned controller did not start")
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// The calls so far, one a line.
    func calls() -> [String] {
        let data = output.fileHandleForReading.availableData
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
