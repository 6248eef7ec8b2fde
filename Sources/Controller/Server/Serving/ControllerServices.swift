import Accounting
import Foundation
import Glibc
import Hummingbird
public import Logging
public import ServiceLifecycle
import Store
import Systemd

/// The controller, ready to run.
public struct ControllerServices: Sendable {
    /// What to run, in this order, in one service group: it stops from the last to the first.
    public let services: [any Service]
    /// The path of the local socket.
    public let socketPath: String
    /// The path of the store's file.
    public let storePath: String

    private let address: PublicAddress
    private let listening: Listening

    /// Opens the store, reads or makes the certificate, and prepares the listeners.
    ///
    /// systemd's variables are looked up in `environment`. Throws a `ServeError` for options that
    /// cannot be met; nothing listens yet.
    public static func makeServices(
        options: ServeOptions, logger: Logger, environment: [String: String] = [:]
    ) async throws -> ControllerServices {
        try check(options)
        raiseFileLimit()
        let directory = try StateDirectory(options.stateDirectory)
        try directory.checkSocketLength()
        let identity = try identity(options, directory)
        let storePath = options.storePath ?? directory.file("store.sqlite")
        let store = try await open(storePath, zone: options.timeZone)
        let isPinned = mode(options) == .auto
        let address = PublicAddress(
            options: options, isEncrypted: identity != nil,
            pin: isPinned ? identity?.pin ?? [] : [])
        let backend = Backend(store: store, logger: logger, address: address)
        let listening = Listening(count: 2)
        return ControllerServices(
            services: [
                Keeper(directory: directory),
                Listener.local(backend, socket: directory.socket, listening),
                try Listener.tcp(backend, options, identity: identity, listening),
                WaitingEnder(backend: backend),
                SystemdNotifier(
                    environment: environment, logger: logger, ready: { try await listening.wait() },
                    check: { try await store.check() }),
            ], socketPath: directory.socket, storePath: storePath, address: address,
            listening: listening)
    }

    /// The base64 of the SHA-256 of the own certificate's key, which clients pin; nil where
    /// authorities vouch for the certificate, and for plain HTTP.
    public var pin: String? { address.pin.isEmpty ? nil : Base64.encode(address.pin) }

    /// Returns the address as a URL, with the port that was really bound, once the controller
    /// listens; throws where it cannot.
    public func listeningURL() async throws -> String {
        try await listening.wait()
        return address.listening
    }

    private static func mode(_ options: ServeOptions) -> ServeOptions.TLS {
        options.tls ?? (options.isLoopback ? .off : .auto)
    }

    private static func check(_ options: ServeOptions) throws {
        guard (0...65535).contains(options.listenPort) else {
            throw ServeError("--listen: a port is a number from 0 to 65535")
        }
        guard mode(options) != .off || options.isLoopback || !options.trustedProxies.isEmpty else {
            throw ServeError(
                """
                --tls off: plain HTTP on \(options.listenHost) would show every secret to the \
                network; use --tls auto, or name the proxy in front in TRUSTED_PROXIES
                """)
        }
        if let url = options.publicURL {
            guard url.hasPrefix("http://") || url.hasPrefix("https://"), !url.contains("@") else {
                throw ServeError("PUBLIC_URL: \(url) is no http:// or https:// URL")
            }
        }
    }

    private static func identity(
        _ options: ServeOptions, _ directory: StateDirectory
    ) throws -> TLSIdentity? {
        switch mode(options) {
        case .off: nil
        case .auto: try TLSIdentity.own(in: directory, host: hostForCertificate(options))
        case .files(let certificate, let key):
            try TLSIdentity.files(certificate: certificate, key: key)
        }
    }

    private static func hostForCertificate(_ options: ServeOptions) -> String {
        let url = options.publicURL.flatMap { URL(string: $0)?.host() }
        return url ?? (options.host.contains(":") ? "localhost" : options.host)
    }

    private static func open(_ path: String, zone: TimeZone?) async throws -> Store {
        do {
            return try await Store.open(path: path, zone: zone)
        } catch let error as StoreError {
            throw ServeError(error.description)
        }
    }

    /// Every waiting agent holds a connection.
    private static func raiseFileLimit() {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(resource, &limit)
    }
}

/// Holds the state directory's lock until everything else has stopped, and removes the socket then.
private struct Keeper: Service {
    let directory: StateDirectory

    func run() async throws {
        try? await gracefulShutdown()
        unlink(directory.socket)
        directory.unlock()
    }
}
