internal import Glibc

/// Where one `name=value` line of an answer lies in its bytes. It holds offsets only.
struct UserspaceLine {
    /// Counted from 1; 0 before the first.
    private(set) var number = 0
    /// The name's bytes.
    private(set) var name = 0..<0
    /// The value's bytes.
    private(set) var value = 0..<0

    private var next = 0

    /// Moves to the next line; false at the blank line that ends an answer.
    mutating func advance(in bytes: RawSpan) throws(UserspaceFault) -> Bool {
        number += 1
        guard let end = Self.find("\n", in: bytes, from: next, to: bytes.byteCount) else {
            throw .malformed("is cut short")
        }
        let start = next
        next = end + 1
        guard end > start else {
            guard next == bytes.byteCount else { throw .malformed("has more behind it") }
            return false
        }
        guard let equals = Self.find("=", in: bytes, from: start, to: end) else {
            throw .malformed("is not name=value")
        }
        name = start..<equals
        value = (equals + 1)..<end
        return true
    }

    private static func find(
        _ character: Unicode.Scalar, in bytes: RawSpan, from start: Int, to end: Int
    ) -> Int? {
        bytes.withUnsafeBytes { memory in
            guard start < end, let base = memory.baseAddress,
                let found = memchr(base + start, Int32(character.value), end - start)
            else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }
}

/// The names that are understood.
enum UserspaceWord: String {
    case errno
    case listenPort = "listen_port"
    case publicKey = "public_key"
    case presharedKey = "preshared_key"
    case endpoint
    case handshake = "last_handshake_time_sec"
    case handshakeNanoseconds = "last_handshake_time_nsec"
    case received = "rx_bytes"
    case sent = "tx_bytes"
    case keepalive = "persistent_keepalive_interval"
    case allowedAddress = "allowed_ip"
    case unknown = ""

    /// The name of `line`.
    init(_ line: UserspaceLine, in bytes: RawSpan) {
        let name = line.name
        func matches(_ text: StaticString) -> Bool {
            UserspaceText.equals(bytes, name, text)
        }
        self =
            switch name.count {
            case 5 where matches("errno"): .errno
            case 8 where matches("rx_bytes"): .received
            case 8 where matches("tx_bytes"): .sent
            case 8 where matches("endpoint"): .endpoint
            case 10 where matches("allowed_ip"): .allowedAddress
            case 10 where matches("public_key"): .publicKey
            case 11 where matches("listen_port"): .listenPort
            case 13 where matches("preshared_key"): .presharedKey
            case 23 where matches("last_handshake_time_sec"): .handshake
            case 24 where matches("last_handshake_time_nsec"): .handshakeNanoseconds
            case 29 where matches("persistent_keepalive_interval"): .keepalive
            default: .unknown
            }
    }
}
