import Foundation
import TestSupport
import Testing

@testable import Netlink

/// The running kernel's own answers.
@Suite struct KernelTests {
    @Test func theKernelsOwnWordsAreInTheError() throws {
        let place = try TestNamespace("words")
        var socket = try NetlinkSocket.open(.route, in: place.namespace)
        var request = NetlinkRequest(
            type: 16, answerType: 16, flags: 0x600, fixed: [UInt8](repeating: 0, count: 16))
        try request.nest(18) { (info) throws(NetlinkError) in
            try info.add(1, text: "nosuchkind")
        }
        do throws(NetlinkError) {
            try socket.send(request, doing: "make an interface")
            Issue.record("the kernel made an interface of a kind that there is not")
        } catch {
            #expect(error.errno == EOPNOTSUPP)
            #expect(error.reason.contains("Unknown device type"))
            #expect(error.description.hasPrefix("could not make an interface: "))
        }
    }

    @Test func aFreshNamespaceHasLoopbackAndWhatIsMadeInIt() throws {
        let place = try TestNamespace("links")
        try place.ip("link", "add", "one", "type", "bridge")
        var socket = try NetlinkSocket.open(.route, in: place.namespace)
        let links = try socket.links()
        #expect(links.map(\.name).sorted() == ["lo", "one"])
        let bridges = try socket.links(ofKind: "bridge")
        #expect(bridges.map(\.name) == ["one"])
        #expect(try socket.links(ofKind: "nosuchkind").isEmpty)
        #expect(links.first { $0.name == "lo" }?.kind == nil)

        let index = try #require(bridges.first?.index)
        let alone = try socket.link(index: index)
        #expect(alone.name == "one")
        #expect(alone.received != nil && alone.sent != nil)
    }

    @Test func statisticsCountWhatALinkCarried() throws {
        let place = try TestNamespace("stats")
        try place.ip("link", "set", "lo", "up")
        var socket = try NetlinkSocket.open(.route, in: place.namespace)
        #expect(try socket.link(index: 1).received == 0)
        let datagram = "printf %1000d 1 > /dev/udp/127.0.0.1/9"
        try Command.run("ip", "netns", "exec", place.name, "bash", "-c", datagram)
        let after = try socket.link(index: 1)
        #expect(try #require(after.received) >= 1042)
        #expect(after.received == after.sent)
    }

    @Test func aLinkThatIsNotThereIsAnError() throws {
        let place = try TestNamespace("absent")
        var socket = try NetlinkSocket.open(.route, in: place.namespace)
        #expect(code { _ = try socket.link(index: 4711) } == .system(ENODEV))
        #expect(try socket.links().count == 1)
    }

    @Test func aDumpThatWasGivenUpDoesNotSpoilTheNext() throws {
        let place = try TestNamespace("busy")
        for number in 0..<60 { try place.ip("link", "add", "b\(number)", "type", "bridge") }
        var socket = try NetlinkSocket.open(.route, in: place.namespace)
        let given = NetlinkRequest(
            type: 18, answerType: 16, fixed: [UInt8](repeating: 0, count: 16))
        try socket.send(given, flags: 0x300, "begin a dump")
        #expect(try socket.links().count == 61)

        struct Odd: Error {}
        let broken = code {
            _ = try socket.dump(given, doing: "dump", into: 0) {
                (_, _) throws(NetlinkError) in throw .malformed("made up")
            }
        }
        #expect(broken == .malformed)
        #expect(try socket.links().count == 61)
    }

    @Test func aFamilyIsFoundByNameAndAMissingOneIsAnError() throws {
        var socket = try GenericNetlink.open()
        let controller = GenericNetlink.Command("nlctrl", 3, doing: "list the families")
        let families = try socket.dump(
            controller, into: 0, write: { _ in }, each: { count, _ in count += 1 })
        #expect(families > 0)
        let missing = GenericNetlink.Command("tk-none", 0, doing: "read it")
        let failure = code {
            _ = try socket.dump(missing, into: 0, write: { _ in }, each: { _, _ in })
        }
        #expect(failure == .system(ENOENT))
    }

    @Test func anAnswerThatDoesNotComeIsNotWaitedForForever() throws {
        var socket = try NetlinkSocket.open(.route, timeoutSeconds: 1)
        let started = ContinuousClock.now
        #expect(code { try socket.receive("wait") { _ in } } == .timedOut)
        #expect(ContinuousClock.now - started >= .milliseconds(990))
    }
}
