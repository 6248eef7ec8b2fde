internal import CMnl

/// What happened to the interfaces of a namespace.
package enum LinkEvent: Hashable, Sendable {
    /// An interface was made or changed (`RTM_NEWLINK`).
    case changed(Link)
    /// An interface is gone (`RTM_DELLINK`).
    case removed(Link)
    /// More happened than the kernel could tell: look at everything again.
    case missed
}

/// Waits for what happens to the interfaces of one namespace, on a thread of its own.
package final class LinkMonitor: Sendable {
    /// What happened, until the monitor is closed. For one consumer; the newest 256 events are
    /// kept for it.
    package var events: AsyncStream<LinkEvent> { monitor.events }
    private let monitor: EventMonitor<LinkEvent>

    /// Begins to listen in `namespace`: nothing that happens after this returns is overlooked.
    package static func open(
        in namespace: NetworkNamespace = .current
    ) throws(NetlinkError) -> LinkMonitor {
        let socket = try NetlinkSocket.open(.route, in: namespace, groups: UInt32(RTMGRP_LINK))
        return LinkMonitor(try EventMonitor.open(socket, next: LinkEvent.next))
    }

    private init(_ monitor: EventMonitor<LinkEvent>) {
        self.monitor = monitor
    }

    /// Ends the thread, the socket and the stream of events. May be called twice.
    package func close() {
        monitor.close()
    }
}

extension LinkEvent {
    /// Waits for the next events. What cannot be read is told as `missed`: `ENOBUFS` is the
    /// kernel's way of saying so, and a broken message tells as little.
    static func next(from socket: inout NetlinkSocket) -> [LinkEvent] {
        (try? socket.receive("listen for link events", decode)) ?? [.missed]
    }

    /// Reads a datagram of the group `RTMGRP_LINK`; passes over what is no link.
    static func decode(_ bytes: RawSpan) throws(NetlinkError) -> [LinkEvent] {
        var events: [LinkEvent] = []
        var walk = MessageWalk()
        while let message = try walk.next(in: bytes) {
            switch Int(message.type) {
            case RTM_NEWLINK: events.append(.changed(try link(message, bytes)))
            case RTM_DELLINK: events.append(.removed(try link(message, bytes)))
            default: continue
            }
        }
        return events
    }

    private static func link(
        _ message: Message, _ bytes: RawSpan
    ) throws(NetlinkError) -> Link {
        try Link.decode(bytes.extracting(message.payload))
    }
}
