internal import Glibc

/// Where one `name=value` line of an answer lies in its bytes. It holds offsets only.
struct UserspaceLine {
    /// Counted from 1; 0 before the first.
    private(set) var number = 0
    /// The name's bytes.
    private(set) var name = 0..<0
    /// The value's bytes.
    private(set) var value = 0..<0

    /// Whether it is the blank line that ends an answer.
    private(set) var isBlank = false

    /// Counts a line that was taken without looking for its parts.
    mutating func pass() {
        number += 1
    }

    /// Moves to the line that begins at `start`, and returns where the next one begins; nil where
    /// the line's end has not come yet. Throws where it is no line of an answer.
    mutating func advance(in bytes: RawSpan, from start: Int) throws(UserspaceFault) -> Int? {
        guard let end = Self.find("\n", in: bytes, from: start, to: bytes.byteCount) else {
            return nil
        }
        number += 1
        isBlank = end == start
        guard !isBlank else { return end + 1 }
        guard let equals = Self.find("=", in: bytes, from: start, to: end) else {
            throw .malformed("is not name=value")
        }
        name = start..<equals
        value = (equals + 1)..<end
        return end + 1
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
