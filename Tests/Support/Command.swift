import Foundation

/// A program that ended otherwise than a test needs.
package struct CommandFailure: Error, CustomStringConvertible {
    /// The program and its arguments.
    package let words: [String]
    /// Its exit status; 128 + N when signal N ended it.
    package let status: Int32
    /// What it wrote to its standard output and error.
    package let output: String
    /// What it wrote to its standard error.
    package let errors: String

    package init(words: [String], status: Int32, output: String, errors: String) {
        self.words = words
        self.status = status
        self.output = output
        self.errors = errors
    }

    package var description: String {
        "`\(words.joined(separator: " "))` ended with status \(status): \(output)\(errors)"
    }
}

/// Programs that tests run to their end.
package enum Command {
    /// Runs a program found on PATH and returns its standard output; throws unless it ends with 0.
    ///
    /// A program that takes longer than `limit` seconds is killed, and that is a failure too.
    @discardableResult
    package static func run(
        _ words: [String], input: String = "", environment: [String: String] = [:],
        limit: Double = 60
    ) throws -> String {
        let job = try Job(words, input: input, environment: environment)
        let status = job.wait(limit: limit)
        guard status == 0 else {
            throw CommandFailure(
                words: words, status: status ?? -1, output: job.output, errors: job.errors)
        }
        return job.output
    }

    /// As `run` with a list.
    @discardableResult
    package static func run(_ words: String..., input: String = "") throws -> String {
        try run(words, input: input)
    }

    /// A program of this package: it lies beside the test bundle that is running.
    package static func built(_ name: String) -> String {
        // `swift test` runs a bundle inside the folder of products, or hands its path on.
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") }
        let path = bundle ?? CommandLine.arguments.first ?? ""
        return URL(filePath: path).deletingLastPathComponent().appending(path: name).path
    }
}

/// Waits until `condition` holds, looking every 20 ms; false when it does not within `limit`
/// seconds. The guest, whose processors are emulated, has ten times as long.
package func eventually(within limit: Double = 10, _ condition: () throws -> Bool) rethrows -> Bool
{
    let limit = Guest.isHere ? limit * 10 : limit
    let deadline = ContinuousClock.now + .milliseconds(Int(limit * 1000))
    while ContinuousClock.now < deadline {
        if try condition() { return true }
        usleep(20_000)
    }
    return try condition()
}

/// Does what blocks on a thread of its own: the pool has as many as there are processors, and tests
/// that measure time need them.
package func offPool<Value: Sendable>(
    _ work: @escaping @Sendable () throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Result(catching: work)) }.start()
    }
}

/// A folder that is removed with everything in it when nobody holds it any more.
package final class TemporaryFolder: Sendable {
    /// Where it is.
    package let path: String

    private let isKept: Bool

    /// Takes a folder that stays, and makes it where there is none.
    package init(keeping path: String) throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        self.path = path
        isKept = true
    }

    /// Makes a folder that only its owner can enter.
    package init() throws {
        var template = Array("/tmp/tollkeeper-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw POSIXError(.EIO) }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        isKept = false
    }

    deinit {
        guard !isKept else { return }
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a file that only its owner can read, and returns its path.
    @discardableResult
    package func write(_ text: String, to name: String) throws -> String {
        let file = "\(path)/\(name)"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        chmod(file, 0o600)
        return file
    }
}
