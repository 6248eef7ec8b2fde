import NIOCore
import Synchronization

/// Tells waiting requests that their caller has hung up.
///
/// The server allows half-closed connections, so a caller that is gone would otherwise be noticed
/// only when the answer is written.
final class Departures: Sendable {
    private let handlers = Mutex<[ObjectIdentifier: @Sendable () -> Void]>([:])

    /// Runs `body`, and cancels it when the caller's end of `channel` is closed.
    func watch<Value: Sendable>(
        _ channel: any Channel, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let id = ObjectIdentifier(channel)
        // What is wanted of a host goes ahead of what its agents push.
        let task = Task(priority: .high) { try await body() }
        handlers.withLock { $0[id] = { task.cancel() } }
        defer { handlers.withLock { $0[id] = nil } }
        if !channel.isActive { task.cancel() }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    fileprivate func departed(_ channel: any Channel) {
        handlers.withLock { $0[ObjectIdentifier(channel)] }?()
    }

    /// What stands in each connection's pipeline.
    func makeHandler() -> any RemovableChannelHandler {
        DepartureHandler(departures: self)
    }
}

/// Sees a connection's incoming half close.
private final class DepartureHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let departures: Departures

    init(departures: Departures) {
        self.departures = departures
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent {
            departures.departed(context.channel)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        departures.departed(context.channel)
        context.fireChannelInactive()
    }
}
