/// What a meter calls one user of it.
public enum Key: Hashable, Sendable {
    /// A WireGuard or AmneziaWG peer.
    case publicKey(PublicKey)
    /// Any other name, such as a V2Ray email or `tcp/8443`.
    case text(String)

    /// All that an `interface` meter counts.
    public static let everything = Key.text("all")

    /// Longest accepted text, in UTF-8 bytes.
    public static let longestText = 255

    /// Reads a key as it is printed, for a meter of `kind`; nil where that kind has no such key.
    public init?(_ text: String, of kind: MeterKind) {
        switch kind {
        case .wireguard, .amneziawg:
            guard let key = PublicKey(base64: text) else { return nil }
            self = .publicKey(key)
        case .v2ray, .ports, .packets, .interface:
            guard !text.isEmpty, text.utf8.count <= Self.longestText else { return nil }
            self = .text(text)
        }
    }
}

extension Key: CustomStringConvertible {
    /// The key as `wg`, V2Ray or an operator writes it.
    public var description: String {
        switch self {
        case .publicKey(let key): key.base64
        case .text(let text): text
        }
    }
}
