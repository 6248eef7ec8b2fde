public import Foundation

/// How the controller is to run.
public struct ServeOptions: Sendable {
    /// How connections over TCP are protected.
    public enum TLS: Hashable, Sendable {
        /// Plain HTTP: for loopback, or behind a trusted proxy.
        case off
        /// A self-signed certificate that the controller makes and keeps; agents pin its key.
        case auto
        /// A certificate (with its chain) and key of the operator's, as PEM files.
        case files(certificate: String, key: String)
    }

    /// The host name or address to listen on; IPv6 with or without brackets.
    public var listenHost = "127.0.0.1"
    /// The TCP port to listen on; 0 lets the system choose.
    public var listenPort = 8440
    /// nil: off on loopback, auto elsewhere.
    public var tls: TLS?
    /// Path of the SQLite store; nil: `store.sqlite` in the state directory.
    public var storePath: String?
    /// The time zone that a new store keeps its hours in; nil: this system's.
    public var timeZone: TimeZone?
    /// Where certificate, socket and store are kept; made with mode 0700 where it is missing.
    public var stateDirectory = "/var/lib/tollkeeper"
    /// The URL that agents are told to call; nil: made from what is listened on.
    public var publicURL: String?
    /// Addresses of proxies in front; naming one allows plain HTTP off loopback.
    public var trustedProxies: [String] = []

    /// The defaults.
    public init() {}

    /// The listening host without brackets.
    var host: String {
        listenHost.hasPrefix("[") && listenHost.hasSuffix("]")
            ? String(listenHost.dropFirst().dropLast()) : listenHost
    }

    /// Whether only this machine can connect.
    var isLoopback: Bool {
        host == "localhost" || host == "::1" || (host.hasPrefix("127.") && !host.contains(":"))
    }
}

/// Why the controller cannot start.
public struct ServeError: Error, CustomStringConvertible, Sendable {
    /// A sentence for people, with the way out.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
