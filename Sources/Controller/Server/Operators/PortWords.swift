import Accounting
import Foundation

/// A port as operators write it: `tcp/8443`, `8443/tcp`, `8443` for tcp and udp, `tcp/1000-1999`,
/// `tcp/80,443`, `ip/10.8.1.2`. In a path the first `/` may be written as `-`: `tcp-8443`.
struct PortWords: Hashable {
    /// One key, or those of both transports.
    let keys: [PortKey]
    /// The words in their usual form.
    let label: String

    /// Reads the words; throws a refusal that names `field`.
    init(_ text: String, field: String = "port") throws {
        if let ports = PortList(text) {
            keys = [.ports(.tcp, ports), .ports(.udp, ports)]
            label = ports.description
        } else if let key = PortKey(text) ?? Self.turned(text) {
            keys = [key]
            label = key.description
        } else {
            throw Refusal.invalid(
                """
                \(field): this is no port; write tcp/8443, udp/1000-1999, 8443 for tcp and udp, \
                or ip/10.8.1.2
                """)
        }
    }

    /// Reads a path's part; what is no port there is not found.
    init(path text: String) throws {
        guard let decoded = text.removingPercentEncoding else {
            throw Refusal.invalid("port: the path has a broken percent-encoding")
        }
        try self.init(Self.slashed(decoded))
    }

    /// `8443/tcp`, as Docker has it.
    private static func turned(_ text: String) -> PortKey? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        return PortKey("\(parts[1])/\(parts[0])")
    }

    /// `tcp-8443` with its slash.
    private static func slashed(_ text: String) -> String {
        guard let dash = text.firstIndex(of: "-") else { return text }
        let kind = String(text[..<dash])
        guard kind == "ip" || PortKey.Transport(rawValue: kind) != nil else { return text }
        return kind + "/" + text[text.index(after: dash)...]
    }
}
