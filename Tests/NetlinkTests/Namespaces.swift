import Foundation
import Netlink
import TestSupport
import Testing

/// A network namespace of the test's own, deleted in the end.
final class TestNamespace {
    let name: String
    var namespace: NetworkNamespace { .path("/run/netns/\(name)") }

    init(_ label: String) throws {
        try #require(geteuid() == 0, "these tests make network namespaces, which needs root")
        name = "tknl-\(getpid())-\(label)"
        try Command.run("ip", "netns", "add", name)
    }

    deinit { _ = try? Command.run("ip", "netns", "delete", name) }

    /// Runs `nft` inside.
    func nft(_ commands: String) throws {
        try Command.run("ip", "netns", "exec", name, "nft", commands)
    }

    /// Runs `ip` inside.
    func ip(_ arguments: String...) throws {
        try Command.run(["ip", "-netns", name] + arguments)
    }
}
