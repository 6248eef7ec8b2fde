/// Amnezia's `clientsTable`: the names of a container's clients, as JSON that its app writes.
///
/// It is an array of objects with a `clientId`, in old versions an object whose names are the
/// client ids.
public struct ClientsTableRewrite: Sendable {
    /// Why a table was left as it is.
    public struct Malformed: Error, Hashable, Sendable, CustomStringConvertible {
        /// Where reading ended, counted from 0.
        public var offset: Int
        /// For people.
        public var description: String { "it is no JSON that can be understood at byte \(offset)" }
    }

    /// The bytes without the entries of `clients`; every other byte stays.
    ///
    /// Throws `Malformed` where they are not one JSON array or object.
    public static func removing(
        _ clients: Set<String>, from bytes: [UInt8]
    ) throws(Malformed) -> [UInt8] {
        var scanner = JSONScanner(bytes)
        let entries = try scanner.entries()
        var result: [UInt8] = []
        var next = 0
        for (index, entry) in entries.enumerated() where entry.isOf(clients) {
            // With the comma behind it; where nothing stays behind it, with the one before.
            let staysBehind = entries[index...].contains { !$0.isOf(clients) }
            let isTail = !staysBehind && index > 0
            let start = isTail ? entries[index - 1].range.upperBound : entry.range.lowerBound
            result += bytes[next..<start]
            next = staysBehind ? entries[index + 1].range.lowerBound : entry.range.upperBound
        }
        return result + bytes[next...]
    }
}

/// Finds the entries of a JSON document's outermost array or object, and where they stand.
struct JSONScanner {
    /// One of them.
    struct Entry {
        var range: Range<Int>
        /// Its name in an object, or its own `clientId`; nil for neither.
        var client: String?

        func isOf(_ clients: Set<String>) -> Bool {
            client.map { clients.contains($0) } ?? false
        }
    }

    /// How deeply values may stand in one another.
    static let deepest = 64

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { position = 3 }
    }

    /// Reads the whole document.
    mutating func entries() throws(ClientsTableRewrite.Malformed) -> [Entry] {
        skipSpace()
        guard peek == UInt8(ascii: "[") || peek == UInt8(ascii: "{") else { throw malformed }
        let isArray = peek == UInt8(ascii: "[")
        var entries: [Entry] = []
        try members { (scanner, start, name) throws(ClientsTableRewrite.Malformed) in
            let client = try scanner.value(depth: 1, named: isArray ? "clientId" : nil)
            entries.append(Entry(range: start..<scanner.position, client: name ?? client))
        }
        skipSpace()
        guard position == bytes.count else { throw malformed }
        return entries
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private var malformed: ClientsTableRewrite.Malformed {
        ClientsTableRewrite.Malformed(offset: position)
    }

    /// Walks an array's or object's members; each is handed over with where it starts and, in an
    /// object, its name, and is read by `body`.
    private mutating func members(
        _ body: (inout JSONScanner, Int, String?) throws(ClientsTableRewrite.Malformed) -> Void
    ) throws(ClientsTableRewrite.Malformed) {
        let isArray = peek == UInt8(ascii: "[")
        let end = isArray ? UInt8(ascii: "]") : UInt8(ascii: "}")
        position += 1
        skipSpace()
        guard !take(end) else { return }
        repeat {
            skipSpace()
            let start = position
            var name: String?
            if !isArray {
                name = try string()
                skipSpace()
                guard take(UInt8(ascii: ":")) else { throw malformed }
                skipSpace()
            }
            try body(&self, start, name)
            skipSpace()
        } while take(UInt8(ascii: ","))
        guard take(end) else { throw malformed }
    }

    /// Reads a value; returns its own member `named`, if that is a string.
    private mutating func value(
        depth: Int, named wanted: String?
    ) throws(ClientsTableRewrite.Malformed) -> String? {
        guard depth < Self.deepest else { throw malformed }
        switch peek {
        case UInt8(ascii: "\""):
            _ = try string()
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            return try container(depth: depth, named: wanted)
        default:
            try word()
        }
        return nil
    }

    private mutating func container(
        depth: Int, named wanted: String?
    ) throws(ClientsTableRewrite.Malformed) -> String? {
        var found: String?
        try members { (scanner, _, name) throws(ClientsTableRewrite.Malformed) in
            if let wanted, name == wanted, scanner.peek == UInt8(ascii: "\"") {
                found = try scanner.string()
            } else {
                _ = try scanner.value(depth: depth + 1, named: nil)
            }
        }
        return found
    }

    /// A number, `true`, `false` or `null`.
    private mutating func word() throws(ClientsTableRewrite.Malformed) {
        let start = position
        while let byte = peek, byte.isWordOfJSON { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard ["true", "false", "null"].contains(text) || Double(text) != nil else {
            throw malformed
        }
    }

    private mutating func string() throws(ClientsTableRewrite.Malformed) -> String {
        guard take(UInt8(ascii: "\"")) else { throw malformed }
        var units: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: units, as: UTF8.self)
            case UInt8(ascii: "\\"): units += try escaped()
            case 0..<0x20: throw malformed
            default: units.append(byte)
            }
        }
        throw malformed
    }

    /// What stands behind a backslash. Halves of a surrogate pair become the replacement character:
    /// no client's id has any.
    private mutating func escaped() throws(ClientsTableRewrite.Malformed) -> [UInt8] {
        guard let byte = peek else { throw malformed }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"),
            UInt8(ascii: "t"):
            return [0x20]
        case UInt8(ascii: "u"):
            let digits = bytes[position...].prefix(4)
            let text = String(decoding: digits, as: UTF8.self)
            guard digits.count == 4, !text.hasPrefix("+"), !text.hasPrefix("-"),
                let code = UInt16(text, radix: 16)
            else { throw malformed }
            position += 4
            return Array(String(Unicode.Scalar(code) ?? "\u{fffd}").utf8)
        default: throw malformed
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { position += 1 }
    }
}

extension UInt8 {
    fileprivate var isWordOfJSON: Bool {
        self == UInt8(ascii: "+") || self == UInt8(ascii: "-") || self == UInt8(ascii: ".")
            || (0x30...0x39).contains(self) || (0x61...0x7a).contains(lowercased)
    }
}
