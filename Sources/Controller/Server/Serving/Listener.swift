import Glibc
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOSSL
import ServiceLifecycle

/// One listener with the routes behind it, as a part of the process.
struct Listener: Service {
    /// Seconds after which a connection without a request under way is closed.
    static let idleSeconds: Int64 = 75

    private let application: Application<RouterResponder<AppContext>>
    private let listening: Listening
    private let name: String

    private init(
        _ backend: Backend, name: String, address: BindAddress, server: HTTPServerBuilder,
        listening: Listening, onBound: @escaping @Sendable (any Channel) -> Void
    ) {
        var configuration = ApplicationConfiguration(address: address)
        // A whole fleet comes back at once; the kernel has its own limit, `net.core.somaxconn`.
        configuration.backlog = 4096
        var logger = backend.logger
        logger.logLevel = max(logger.logLevel, .notice)
        application = Application(
            router: backend.makeRouter(), server: server, configuration: configuration,
            onServerRunning: { channel in
                onBound(channel)
                listening.bound()
            }, logger: logger)
        self.listening = listening
        self.name = name
    }

    /// Listens on TCP, with TLS where an identity is given.
    static func tcp(
        _ backend: Backend, _ options: ServeOptions, identity: TLSIdentity?, _ listening: Listening
    ) throws -> Listener {
        let plain = HTTPServerBuilder.http1(configuration: http(backend))
        let server = try identity.map {
            try HTTPServerBuilder.tls(plain, tlsConfiguration: $0.configuration)
        }
        return Listener(
            backend, name: "\(options.listenHost):\(options.listenPort)",
            address: .hostname(options.host, port: options.listenPort), server: server ?? plain,
            listening: listening
        ) { channel in
            if let port = channel.localAddress?.port { backend.address.note(port: port) }
        }
    }

    /// Listens on a unix socket that the owner and the group may open.
    static func local(
        _ backend: Backend, socket path: String, _ listening: Listening
    ) -> Listener {
        Listener(
            backend, name: path, address: .unixDomainSocket(path: path),
            server: .http1(configuration: http(backend)), listening: listening
        ) { _ in
            chmod(path, 0o660)
        }
    }

    private static func http(_ backend: Backend) -> HTTP1Channel.Configuration {
        HTTP1Channel.Configuration(
            additionalChannelHandlers: [backend.departures.makeHandler()],
            idleTimeout: .seconds(idleSeconds),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 16 * 1024, maxHeaderListSize: 32 * 1024,
                maxHeaderFieldCount: 100))
    }

    func run() async throws {
        do {
            try await application.run()
            listening.fail(ServeError("the controller is stopping"))
        } catch {
            let failure = ServeError("cannot listen on \(name): \(error)")
            listening.fail(failure)
            throw failure
        }
    }
}

/// Lets waiting requests go when the process is told to stop.
struct WaitingEnder: Service {
    let backend: Backend

    func run() async throws {
        try? await gracefulShutdown()
        backend.stopWaiting()
    }
}
