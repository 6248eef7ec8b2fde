import Foundation
import TestSupport
import Testing

@testable import Netlink

@Suite struct NamespaceTests {
    @Test func aNamespaceIsTheSameByPathAndByProcess() throws {
        let place = try TestNamespace("same")
        let sleeper = try Job(["ip", "netns", "exec", place.name, "sleep", "30"])
        defer { sleeper.stop() }
        let pid = sleeper.pid
        let inside = try place.namespace.identity()
        let deadline = ContinuousClock.now + .seconds(10)
        while try NetworkNamespace.process(pid).identity() != inside {
            try #require(ContinuousClock.now < deadline, "the sleeper never entered")
            usleep(10_000)
        }
        let byPath = try NetlinkSocket.open(.route, in: place.namespace)
        let byProcess = try NetlinkSocket.open(.generic, in: .process(pid))
        let here = try NetlinkSocket.open(.route)
        #expect(byPath.namespaceCookie == byProcess.namespaceCookie)
        #expect(byPath.namespaceCookie != here.namespaceCookie)
        #expect(here.namespaceCookie != 0)
        #expect(try NetworkNamespace.current.identity() != inside)
    }

    @Test func theCallersThreadStaysWhereItIs() throws {
        let place = try TestNamespace("stays")
        let before = try FileManager.default.destinationOfSymbolicLink(
            atPath: "/proc/thread-self/ns/net")
        _ = try NetlinkSocket.open(.route, in: place.namespace)
        let after = try FileManager.default.destinationOfSymbolicLink(
            atPath: "/proc/thread-self/ns/net")
        #expect(before == after)
    }

    @Test func namedNamespacesAreListedOnce() throws {
        let place = try TestNamespace("named")
        let found = NetworkNamespace.named().filter { $0.name == place.name }
        #expect(found.map(\.namespace) == [place.namespace])
        #expect(NetworkNamespace.named(in: ["/nonexistent"]).isEmpty)
    }

    @Test func whatIsNoNamespaceIsRefusedInWords() throws {
        let file = URL(filePath: "/tmp/tknl-\(getpid())-plain")
        try Data().write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        do throws(NetlinkError) {
            _ = try NetlinkSocket.open(.route, in: .path(file.path))
            Issue.record("a plain file was entered as a namespace")
        } catch {
            #expect(error.errno == EINVAL)
            #expect(error.reason == "it is not a network namespace")
        }
        #expect(
            code { _ = try NetlinkSocket.open(.route, in: .path("/run/netns/tknl-none")) }
                == .system(ENOENT))
        #expect(code { _ = try NetlinkSocket.open(.route, in: .process(0)) } == .system(ENOENT))
    }
}
