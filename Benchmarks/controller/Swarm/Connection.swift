import NIOCore
import NIOPosix
import NIOSSL

/// Where the controller listens, and how to get there.
struct Endpoint: Sendable {
    let host: String
    let port: Int
    /// Nil for plain HTTP.
    let encryption: NIOSSLContext?
    /// The swarm's event loops.
    let loops: any EventLoopGroup

    /// Reads `http://HOST:PORT` or `https://HOST:PORT`.
    ///
    /// The certificate is not looked at: what is measured is the controller.
    init(_ url: String, loops: any EventLoopGroup) throws {
        let parts = url.split(separator: "/", omittingEmptySubsequences: true)
        let place = parts.last?.split(separator: ":") ?? []
        guard parts.count == 2, place.count == 2, let port = Int(place[1]) else {
            throw SwarmError("\(url) is no http://HOST:PORT")
        }
        (host, self.port, self.loops) = (String(place[0]), port, loops)
        guard parts[0] == "https:" else {
            encryption = nil
            return
        }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        configuration.certificateVerification = .none
        encryption = try NIOSSLContext(configuration: configuration)
    }

    /// Connects from one of several addresses of loopback, since each has 28,000 ports.
    func connect(as number: Int) async throws -> Connection {
        let encryption = encryption
        let source = try SocketAddress(ipAddress: "127.0.1.\(1 + number % 8)", port: 0)
        let channel = try await ClientBootstrap(group: loops)
            .bind(to: source)
            .connectTimeout(.seconds(10))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let encryption {
                        try pipeline.addHandler(
                            NIOSSLClientHandler(context: encryption, serverHostname: nil))
                    }
                    try pipeline.addHandler(AnswerReader())
                }
            }
            .connect(host: host, port: port).get()
        return Connection(channel: channel)
    }
}

/// An answer of the controller.
struct Answer: Sendable {
    let status: Int
    let body: [UInt8]
}

/// A kept-alive connection that carries one request at a time.
struct Connection: Sendable {
    let channel: any Channel

    var isOpen: Bool { channel.isActive }

    func send(_ request: ByteBuffer) async throws -> Answer {
        let promise = channel.eventLoop.makePromise(of: Answer.self)
        channel.writeAndFlush(Exchange(request: request, answer: promise)).cascadeFailure(
            to: promise)
        return try await promise.futureResult.get()
    }

    func close() {
        channel.close(promise: nil)
    }
}

/// A request on its way, and whoever waits for its answer.
private struct Exchange: Sendable {
    let request: ByteBuffer
    let answer: EventLoopPromise<Answer>
}

/// Reads HTTP/1.1 answers with a Content-Length: all that the controller gives agents.
private final class AnswerReader: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Exchange
    typealias OutboundOut = ByteBuffer

    private var received = ByteBuffer()
    private var waiting: EventLoopPromise<Answer>?

    func write(
        context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?
    ) {
        let exchange = unwrapOutboundIn(data)
        waiting = exchange.answer
        context.write(wrapOutboundOut(exchange.request), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        do {
            guard let answer = try AnswerText.take(&received) else { return }
            if received.readableBytes == 0 { received = ByteBuffer() }
            fulfil { $0.succeed(answer) }
        } catch {
            errorCaught(context: context, error: error)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fulfil { $0.fail(SwarmError("the controller hung up")) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fulfil { $0.fail(error) }
        context.close(promise: nil)
    }

    private func fulfil(_ body: (EventLoopPromise<Answer>) -> Void) {
        guard let promise = waiting else { return }
        waiting = nil
        body(promise)
    }
}

/// The text of an answer.
private enum AnswerText {
    /// Takes a whole answer off the front; nil while some of it is missing.
    static func take(_ received: inout ByteBuffer) throws -> Answer? {
        let view = received.readableBytesView
        guard let end = endOfHead(view) else { return nil }
        let head = String(decoding: view[..<end], as: UTF8.self)
        let lines = head.split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, let status = Int(words[1]) else {
            throw SwarmError("this is no HTTP answer: \(head.prefix(60))")
        }
        let field = lines.first { $0.lowercased().hasPrefix("content-length:") }
        let length = field.flatMap { Int($0.split(separator: " ").last ?? "") } ?? 0
        let headLength = view.distance(from: view.startIndex, to: end) + 4
        guard received.readableBytes >= headLength + length else { return nil }
        received.moveReaderIndex(forwardBy: headLength)
        return Answer(status: status, body: received.readBytes(length: length) ?? [])
    }

    private static func endOfHead(_ view: ByteBufferView) -> ByteBufferView.Index? {
        var index = view.startIndex
        while let found = view[index...].firstIndex(of: 13) {
            if view[found...].starts(with: [13, 10, 13, 10]) { return found }
            index = view.index(after: found)
        }
        return nil
    }
}

/// Why the swarm cannot go on.
struct SwarmError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
