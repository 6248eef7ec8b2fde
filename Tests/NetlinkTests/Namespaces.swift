import Foundation
import Netlink
import Testing

/// A network namespace of the test's own, deleted in the end.
final class TestNamespace {
    let name: String
    var namespace: NetworkNamespace { .path("/run/netns/\(name)") }

    init(_ label: String) throws {
        try #require(geteuid() == 0, "these tests make network namespaces, which needs root")
        name = "tknl-\(getpid())-\(label)"
        try run("ip", "netns", "add", name)
    }

    deinit { try? run("ip", "netns", "delete", name) }

    /// Runs `nft` inside.
    func nft(_ commands: String) throws {
        try run("ip", "netns", "exec", name, "nft", commands)
    }

    /// Runs `ip` inside.
    func ip(_ arguments: String...) throws {
        try run("ip", ["-netns", name] + arguments)
    }
}

func run(_ program: String, _ arguments: String...) throws {
    try run(program, arguments)
}

func run(_ program: String, _ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [program] + arguments
    try process.run()
    process.waitUntilExit()
    try #require(
        process.terminationStatus == 0, "\(program) \(arguments.joined(separator: " ")) failed")
}
