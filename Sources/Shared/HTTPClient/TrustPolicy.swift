/// Which servers are believed over TLS.
public enum TrustPolicy: Hashable, Sendable {
    /// Those whose certificate the system's authorities vouch for, by host name.
    case system
    /// Those that hold one of these keys, whatever their certificate says. Plain `http` is then
    /// refused, TLS is at least 1.3, and an empty list is an error.
    case pins([KeyPin])
}

/// The SHA-256 of a server's public key (its SubjectPublicKeyInfo in DER).
public struct KeyPin: Hashable, Sendable, CustomStringConvertible {
    /// 44 characters of base64.
    public let base64: String

    /// Reads a pin from base64; throws `.invalid` for anything but the base64 of 32 bytes.
    public init(base64: String) throws(HTTPClientError) {
        let body = base64.utf8.dropLast()
        guard body.count == 43, base64.hasSuffix("="), body.allSatisfy(\.isBase64) else {
            throw HTTPClientError(
                .invalid, doing: "read a pin",
                reason: "a pin is the base64 of 32 bytes: 43 characters and =")
        }
        self.base64 = base64
    }

    /// The base64.
    public var description: String { base64 }
}

extension UInt8 {
    fileprivate var isBase64: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2b, 0x2f: true
        default: false
        }
    }
}

extension TrustPolicy {
    /// The value of CURLOPT_PINNEDPUBLICKEY; nil for the system's trust.
    func pinList() throws(HTTPClientError) -> String? {
        guard case .pins(let pins) = self else { return nil }
        guard !pins.isEmpty else {
            throw HTTPClientError(
                .invalid, doing: "set up the connection", reason: "the list of pins is empty")
        }
        return pins.map { "sha256//" + $0.base64 }.joined(separator: ";")
    }
}
