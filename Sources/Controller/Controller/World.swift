import Foundation

/// What a command has to do with besides the controller; tests bring their own.
struct World: Sendable {
    /// The environment's variables.
    var environment: [String: String]
    /// Whether somebody sits at standard input.
    var isInputTerminal: Bool
    /// Whether standard output may be coloured.
    var isColoured: Bool
    /// The next line of standard input; nil at its end.
    var readLine: @Sendable () -> String?
    /// Writes to standard output as it is.
    var out: @Sendable (String) -> Void
    /// Writes to standard error as it is.
    var err: @Sendable (String) -> Void

    /// The process's own.
    static var live: World {
        let environment = ProcessInfo.processInfo.environment
        let isPlain = environment["NO_COLOR"]?.isEmpty == false || environment["TERM"] == "dumb"
        return World(
            environment: environment,
            isInputTerminal: isatty(STDIN_FILENO) == 1,
            isColoured: isatty(STDOUT_FILENO) == 1 && !isPlain,
            readLine: { Swift.readLine() },
            out: { try? FileHandle.standardOutput.write(contentsOf: Data($0.utf8)) },
            err: { try? FileHandle.standardError.write(contentsOf: Data($0.utf8)) })
    }
}

extension World {
    /// Says on standard error what went wrong.
    func complain(_ message: String) {
        let lines = message.split(separator: "\n", omittingEmptySubsequences: false)
        err("tollkeeper: " + lines.map(SafeText.escape).joined(separator: "\n") + "\n")
    }
}
