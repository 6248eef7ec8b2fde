internal import CMnl
internal import Glibc
internal import Synchronization

/// Waits for what a multicast group of netlink tells, on a thread of its own.
package final class EventMonitor<Event: Sendable>: Sendable {
    /// What happened, until the monitor is closed. For one consumer; the newest 256 events are
    /// kept for it.
    package let events: AsyncStream<Event>
    private let listener: EventListener<Event>

    /// Begins to wait at a socket that is a member of the group already; `next` waits for the next
    /// events.
    static func open(
        _ socket: consuming sending NetlinkSocket,
        next: @escaping @Sendable (inout NetlinkSocket) -> [Event]
    ) throws(NetlinkError) -> EventMonitor<Event> {
        let stop = try check(
            eventfd(0, Int32(EFD_CLOEXEC)), "make an event descriptor")
        let monitor = EventMonitor(EventListener(socket, stop: stop, next: next))
        let listener = monitor.listener
        pthread_detach(try OwnThread.start { listener.run() })
        return monitor
    }

    private init(_ listener: EventListener<Event>) {
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
private final class EventListener<Event: Sendable>: Sendable {
    let events: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation
    private let socket: Mutex<NetlinkSocket>
    private let stopper: Int32
    private let next: @Sendable (inout NetlinkSocket) -> [Event]

    init(
        _ socket: consuming sending NetlinkSocket, stop: Int32,
        next: @escaping @Sendable (inout NetlinkSocket) -> [Event]
    ) {
        self.socket = Mutex(socket)
        stopper = stop
        self.next = next
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
        for event in socket.withLock({ next(&$0) }) { continuation.yield(event) }
    }
}
