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
