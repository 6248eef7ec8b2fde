import Foundation
import HTTPClient

/// Where the controller is: its socket on this host, or a URL.
enum Place: Hashable, Sendable {
    /// The path of `controller.sock`.
    case socket(String)
    /// A URL without a slash at its end.
    case url(String)

    static let defaultStateDirectory = "/var/lib/tollkeeper"

    /// Bytes that the kernel takes as a unix socket's path (`sun_path`, less its end).
    private static let longestSocketPath = 107

    /// What the options and the environment name.
    init(_ options: CommonOptions, in world: World) throws {
        if let url = options.controller {
            self = .url(try Self.checked(url))
        } else {
            let directory = Self.stateDirectory(options.stateDirectory, in: world)
            self = .socket(directory + "/controller.sock")
        }
    }

    /// The option's directory, else the service manager's, else the default.
    static func stateDirectory(_ option: String?, in world: World) -> String {
        let named = option ?? world.environment["STATE_DIRECTORY"] ?? ""
        // systemd separates several directories by colons; ours is the first.
        let first = option == nil ? named.prefix { $0 != ":" } : named[...]
        return first.isEmpty ? defaultStateDirectory : String(first)
    }

    private static func checked(_ url: String) throws -> String {
        guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty,
            ["http", "https"].contains(parts.scheme), parts.user == nil, parts.query == nil,
            parts.fragment == nil
        else {
            throw CommandFailure(
                .usage, "\(url) is no URL of a controller; it looks like https://vpn.example:8440")
        }
        if parts.scheme == "http", !isLoopback(host) {
            throw CommandFailure(
                .usage,
                "\(url) would send the token in the clear; http:// is for this host only, "
                    + "use https://")
        }
        return url.hasSuffix("/") ? String(url.dropLast()) : url
    }

    private static func isLoopback(_ host: String) -> Bool {
        let parts = host.split(separator: ".")
        let isIPv4 = parts.count == 4 && parts.allSatisfy { UInt8($0) != nil } && parts[0] == "127"
        return isIPv4 || ["localhost", "[::1]", "::1"].contains(host)
    }

    var isLocal: Bool { if case .socket = self { true } else { false } }

    /// What stands before a path in a request.
    var base: String {
        switch self {
        case .socket: "http://localhost"
        case .url(let url): url
        }
    }

    func configuration(pins: [String]) throws -> HTTPTransport.Configuration {
        switch self {
        case .socket(let path):
            guard path.utf8.count <= Self.longestSocketPath else {
                throw CommandFailure(
                    .usage,
                    "\(path) is too long for a socket (\(Self.longestSocketPath) bytes); "
                        + "choose a shorter state directory")
            }
            return .init(unixSocket: path)
        case .url:
            let pins = try pins.map { try KeyPin(base64: $0) }
            return .init(trust: pins.isEmpty ? .system : .pins(pins))
        }
    }

    /// A sentence with the way out for a request that got no answer.
    func explain(_ error: HTTPClientError) -> String {
        switch (self, error.code) {
        case (.socket(let path), .connect):
            if access(path, W_OK) != 0, errno == EACCES {
                return "you may not use \(path); run this as root, or name --controller URL "
                    + "with a token that root makes (tollkeeper token create)"
            }
            return "the controller is not running on this host (nothing answers at \(path)); "
                + "start it with `tollkeeper serve`, or name its --state-dir or --controller URL"
        case (.url(let url), .connect), (.url(let url), .resolve):
            return "no controller answers at \(url): \(error.reason)"
        case (.url(let url), .tls):
            return "\(url) is not trusted: \(error.reason). If its certificate is self-signed, "
                + "give its --pin (`tollkeeper serve` prints it)"
        case (.url(let url), .pin):
            return "\(url) has another key than --pin says; nothing was sent to it"
        case (_, .timeout):
            return "the controller did not answer in time: \(error.reason)"
        default:
            return "\(error)"
        }
    }
}
