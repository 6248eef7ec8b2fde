import Foundation
import Testing

@testable import Netlink

@Suite struct LinkMonitorTests {
    @Test(.timeLimit(.minutes(1)))
    func makingAndRemovingAnInterfaceIsToldUntilTheMonitorIsClosed() async throws {
        let place = try TestNamespace("events")
        let monitor = try LinkMonitor.open(in: place.namespace)
        try place.ip("link", "add", "seen", "type", "bridge")
        try place.ip("link", "delete", "seen")
        var events: [LinkEvent] = []
        for await event in monitor.events {
            events.append(event)
            if case .removed = event { break }
        }
        guard case .changed(let made) = events.first, case .removed(let gone) = events.last else {
            Issue.record("unexpected events: \(events)")
            return
        }
        #expect(made.name == "seen" && made.kind == "bridge")
        #expect(gone.index == made.index)

        monitor.close()
        monitor.close()
        for await event in monitor.events { Issue.record("after the end: \(event)") }
    }

    @Test func moreEventsThanTheSocketHoldsAreToldAsMissed() throws {
        let place = try TestNamespace("missed")
        var socket = try NetlinkSocket.open(.route, in: place.namespace, groups: 1)
        var small: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        try #require(setsockopt(socket.descriptor, SOL_SOCKET, SO_RCVBUF, &small, size) == 0)
        for number in 0..<8 { try place.ip("link", "add", "m\(number)", "type", "bridge") }
        var events: [LinkEvent] = []
        while !events.contains(.missed), events.count < 16 {
            events += LinkEvent.next(from: &socket)
        }
        #expect(events.contains(.missed))
    }
}
