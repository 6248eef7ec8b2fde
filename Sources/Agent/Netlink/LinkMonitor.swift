internal import CMnl
internal import Glibc
internal import Synchronization

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
    package let events: AsyncStream<LinkEvent>
    private let listener: LinkListener

    /// Begins to listen in `namespace`: nothing that happens after this returns is overlooked.
    package static func open(
        in namespace: NetworkNamespace = .current
    ) throws(NetlinkError) -> LinkMonitor {
        let socket = try NetlinkSocket.open(.route, in: namespace, groups: UInt32(RTMGRP_LINK))
        let stop = try check(
            eventfd(0, Int32(EFD_CLOEXEC)), "make an event descriptor")
        let monitor = LinkMonitor(LinkListener(socket, stop: stop))
        let listener = monitor.listener
        pthread_detach(try OwnThread.start { listener.run() })
        return monitor
    }

    private init(_ listener: LinkListener) {
        self.listener = listener
        events = listener.events
    }

    deinit { listener.stop() }

    /// Ends the thread, the socket and the stream of events. May be called twice.
    package func close() {
        listener.stop()
    }
}

/// What the thread and the monitor share; closed when the last of the two lets go.
private final class LinkListener: Sendable {
    let events: AsyncStream<LinkEvent>
    private let continuation: AsyncStream<LinkEvent>.Continuation
    private let socket: Mutex<NetlinkSocket>
    private let stopper: Int32

    init(_ socket: consuming sending NetlinkSocket, stop: Int32) {
        self.socket = Mutex(socket)
        stopper = stop
        (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(256))
    }

    deinit { close(stopper) }

    func stop() {
        eventfd_write(stopper, 1)
    }

    /// The thread: waits for either descriptor, until it is told to stop.
    func run() {
        let descriptor = socket.withLock { $0.descriptor }
        var waits = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: stopper, events: Int16(POLLIN), revents: 0),
        ]
        while waits[1].revents == 0 {
            if poll(&waits, nfds_t(waits.count), -1) < 0, errno != EINTR { break }
            if waits[0].revents != 0 { listen() }
        }
        continuation.finish()
    }

    private func listen() {
        for event in socket.withLock({ LinkEvent.next(from: &$0) }) { continuation.yield(event) }
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
