import Accounting

/// Where a page ended: text for callers to send back as it is.
struct Cursor: Hashable {
    let id: Int64
    let name: String

    init(id: Int64, name: String = "") {
        (self.id, self.name) = (id, name)
    }

    /// Reads a cursor that an earlier page gave.
    init(_ text: String) throws {
        let whole = Base64URL.decode(text).map { String(decoding: $0, as: UTF8.self) }
        let parts = whole?.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let parts, parts.count == 2, let id = Int64(parts[0]) else {
            throw Refusal.invalid("cursor: send back what an earlier page gave as next_cursor")
        }
        self.init(id: id, name: String(parts[1]))
    }

    /// The cursor as text.
    var text: String { Base64URL.encode(Array("\(id):\(name)".utf8)) }
}

/// Base64 for URLs and file names, without padding (RFC 4648, section 5).
enum Base64URL {
    static func encode(_ bytes: [UInt8]) -> String {
        String(
            Base64.encode(bytes).compactMap { character in
                switch character {
                case "+": "-"
                case "/": "_"
                case "=": nil
                default: character
                }
            })
    }

    /// The bytes that `text` stands for; nil unless it is canonical and unpadded.
    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        guard !text.contains(where: { $0 == "+" || $0 == "/" || $0 == "=" }) else { return nil }
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Base64.decode(
            String(text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }) + padding)
    }
}
