import FoundationEssentials

/// A configuration file: `KEY=value` lines, empty lines, and `#` comments.
///
/// A comment is a line that begins with `#`, or what follows ` #` on a line. A value that
/// holds ` #` or has spaces at its ends stands between quotation marks.
public struct SettingsFile: Sendable {
    /// One line that sets a key.
    public struct Entry: Hashable, Sendable {
        /// The key.
        public var key: String
        /// The value, without its quotation marks.
        public var value: String
        /// The line's number, from 1.
        public var line: Int
    }

    /// What the file is called in errors.
    public let name: String
    /// Its lines, in order, each key once.
    public let entries: [Entry]

    /// Bytes that a file may have.
    private static let limit = 1 << 20

    /// Reads a file; nil where there is none and it need not be.
    public static func read(
        _ path: String, mustExist: Bool
    ) throws(SettingsError) -> SettingsFile? {
        let data: Data
        do {
            guard mustExist || FileManager.default.fileExists(atPath: path) else { return nil }
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw SettingsError(.unreadable, at: path, whyUnreadable(path))
        }
        guard data.count <= limit else {
            throw SettingsError(.unreadable, at: path, "is longer than 1 MB")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw SettingsError(.malformed, at: path, "is not UTF-8 text")
        }
        return try SettingsFile(text: text, name: path)
    }

    private static func whyUnreadable(_ path: String) -> String {
        let files = FileManager.default
        guard files.fileExists(atPath: path) else { return "there is no such file" }
        guard files.isReadableFile(atPath: path) else {
            return "the user that this runs as may not read it; chmod 644 lets it"
        }
        return "cannot be read as a file"
    }

    /// Reads a file's text; throws for a line that is not understood and for a key set twice.
    public init(text: String, name: String) throws(SettingsError) {
        self.name = name
        var entries: [Entry] = []
        var lines: [String: Int] = [:]
        let text = text.hasPrefix("\u{feff}") ? text.dropFirst() : text[...]
        let parts = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, part) in parts.enumerated() {
            let line = index + 1
            guard let entry = try Self.entry(part, line: line, of: name) else { continue }
            if let earlier = lines.updateValue(line, forKey: entry.key) {
                throw SettingsError(
                    .duplicate, at: "\(name):\(line)",
                    "\(entry.key) stands in line \(earlier) already; keep one of them")
            }
            entries.append(entry)
        }
        self.entries = entries
    }

    private static func entry(
        _ text: Substring, line: Int, of name: String
    ) throws(SettingsError) -> Entry? {
        let text = text.trimmed
        guard !text.isEmpty, !text.hasPrefix("#") else { return nil }
        let place = "\(name):\(line)"
        guard let sign = text.firstIndex(of: "=") else {
            throw SettingsError(
                .malformed, at: place,
                "\"\(Printable.text(String(text)))\" has no =; "
                    + "a line is KEY=value, or a comment that begins with #")
        }
        let key = text[..<sign].trimmed
        guard !key.isEmpty,
            key.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
        else {
            throw SettingsError(
                .malformed, at: place,
                "\"\(Printable.text(String(key)))\" cannot be a key; "
                    + "a line is KEY=value")
        }
        let value = try Self.value(text[text.index(after: sign)...].trimmed, of: key, at: place)
        return Entry(key: String(key), value: value, line: line)
    }

    private static func value(
        _ text: Substring, of key: Substring, at place: String
    ) throws(SettingsError) -> String {
        let value: Substring
        if let mark = text.first, mark == "\"" || mark == "'" {
            let inside = text.dropFirst()
            guard let end = inside.firstIndex(of: mark),
                case let rest = inside[inside.index(after: end)...].trimmed,
                rest.isEmpty || rest.hasPrefix("#")
            else {
                throw SettingsError(
                    .malformed, at: place,
                    "the value of \(key) begins with \(mark), so it "
                        + "must end with it too, and nothing may follow")
            }
            value = inside[..<end]
        } else {
            value = text.withoutComment
        }
        guard value.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
            throw SettingsError(
                .malformed, at: place, "the value of \(key) has control characters")
        }
        return String(value)
    }
}

extension Substring {
    /// Without white space at both ends.
    fileprivate var trimmed: Substring {
        var rest = drop(while: \.isWhitespace)
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return rest
    }

    /// What stands before a `#` that begins the value or follows white space.
    fileprivate var withoutComment: Substring {
        var before: Character = " "
        for index in indices {
            if self[index] == "#", before.isWhitespace { return self[..<index].trimmed }
            before = self[index]
        }
        return self
    }
}
