import Glibc
import Synchronization

/// Where agents reach this controller, and by which key they know it.
final class PublicAddress: Sendable {
    /// SHA-256 of the certificate's public key; empty where agents trust authorities or loopback.
    let pin: [UInt8]
    private let publicURL: String?
    private let scheme: String
    private let host: String
    private let port: Mutex<Int>

    init(options: ServeOptions, isEncrypted: Bool, pin: [UInt8]) {
        self.pin = pin
        publicURL = options.publicURL
        scheme = isEncrypted ? "https" : "http"
        host = options.host
        port = Mutex(options.listenPort)
    }

    /// Notes the port that was really bound.
    func note(port: Int) {
        self.port.withLock { $0 = port }
    }

    /// The address that is listened on, as a URL.
    var listening: String { "\(scheme)://\(Self.bracketed(host)):\(port.withLock { $0 })" }

    /// What to tell an agent, when the caller reached this controller as `authority`.
    func url(asked authority: String?) -> String {
        if let publicURL { return publicURL }
        guard host == "0.0.0.0" || host == "::" else { return listening }
        let port = port.withLock { $0 }
        if let authority, authority.hasSuffix(":\(port)") { return "\(scheme)://\(authority)" }
        return "\(scheme)://\(Self.hostName()):\(port)"
    }

    private static func bracketed(_ host: String) -> String {
        host.contains(":") ? "[\(host)]" : host
    }

    private static func hostName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
