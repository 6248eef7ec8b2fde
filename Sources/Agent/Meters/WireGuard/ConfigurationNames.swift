/// Finds the client's name in the comments round a `[Peer]` block.
///
/// People and scripts write it in many ways. In this order, the first that is there counts:
/// 1. `# Name = alice` (also `:` for `=`, and `friendly_name`), in the comment lines directly above
///    `[Peer]` or anywhere inside the block;
/// 2. a script's mark before the block: `### Client alice`, `# Client: alice (…)`,
///    `# BEGIN_PEER alice`, `### begin alice ###`;
/// 3. the comment line directly above `[Peer]`, the nearest that can be a name;
/// 4. the comment line directly below `[Peer]`;
/// 5. the comment at the end of the `[Peer]` line, then that at the end of the `PublicKey` line.
///
/// Ornaments, settings that were commented out, and `END_PEER` marks are no names.
struct ConfigurationNames {
    private var isInside = false
    private var hasSettings = false
    private var above: [ConfigurationComment] = []
    private var begun: String?
    private var candidates = Candidates()

    /// Names found for the block being read, by how they were found.
    private struct Candidates {
        var tag: String?
        var mark: String?
        var above: String?
        var below: String?
        var endOfHeader: String?
        var endOfKey: String?
    }

    /// A whole line of comment.
    mutating func comment(_ text: String) {
        let comment = ConfigurationComment(text)
        if isInside, !hasSettings { below(comment) }
        switch comment {
        case .setting, .endMark: above = []
        case .mark(let name) where !isInside || hasSettings: begun = name
        default: above.append(comment)
        }
        if comment == .endMark { begun = nil }
    }

    /// An empty line: what stood above it is not directly above a block.
    mutating func blankLine() {
        claimTag()
    }

    /// A setting; `comment` is what a `PublicKey` line ends with.
    mutating func setting(comment: String?) {
        claimTag()
        hasSettings = true
        if let comment { candidates.endOfKey = ConfigurationComment("#" + comment).anyName }
    }

    /// Any section's header.
    mutating func startSection() {
        isInside = false
        hasSettings = false
    }

    /// A `[Peer]` header and the comment at its end.
    mutating func startPeer(comment: String?) {
        candidates = Candidates()
        isInside = true
        for comment in above {
            if case .tag(let name) = comment { candidates.tag = name }
            if case .plain(let name) = comment { candidates.above = name }
        }
        candidates.mark = begun
        candidates.endOfHeader = comment.flatMap { ConfigurationComment("#" + $0).anyName }
        above = []
        begun = nil
    }

    /// The block's name, at its end; nil for none.
    mutating func endPeer() -> String? {
        isInside = false
        return candidates.tag ?? candidates.mark ?? candidates.above ?? candidates.below
            ?? candidates.endOfHeader ?? candidates.endOfKey
    }

    private mutating func below(_ comment: ConfigurationComment) {
        if candidates.below == nil { candidates.below = comment.anyName }
    }

    /// Tags inside a block name it; those directly above the next `[Peer]` name that one.
    private mutating func claimTag() {
        if isInside {
            for case .tag(let name) in above where candidates.tag == nil { candidates.tag = name }
        }
        above = []
    }
}

/// What a line of comment is.
enum ConfigurationComment: Equatable {
    /// `Name = alice`.
    case tag(String)
    /// A script's mark that a client's block begins.
    case mark(String)
    /// A script's mark that a client's block has ended.
    case endMark
    /// A setting or a header that was commented out.
    case setting
    /// Anything that can be a name.
    case plain(String)
    /// Nothing, or ornaments.
    case empty

    /// Reads a comment with its number signs.
    init(_ text: String) {
        let hashes = text.prefix { $0 == "#" }.count
        let bare = Self.bare(text)
        let words = bare.split(whereSeparator: \.isWhitespace).map(String.init)
        guard let first = words.first?.lowercased(), Self.name(bare) != nil else {
            self = .empty
            return
        }
        let rest = Self.name(words.dropFirst().joined(separator: " "))
        if let assigned = Self.assignment(bare) {
            self = assigned
        } else if bare.first == "[" {
            self = .setting
        } else if first == "end_peer" || (first == "end" && hashes >= 3) {
            self = .endMark
        } else if first == "begin_peer" || (hashes >= 3 && ["begin", "client"].contains(first)) {
            self = rest.map { .mark($0) } ?? .empty
        } else {
            self = Self.name(bare).map { .plain($0) } ?? .empty
        }
    }

    /// The name in it, however it is marked; nil for none.
    var anyName: String? {
        switch self {
        case .tag(let name), .mark(let name), .plain(let name): name
        case .endMark, .setting, .empty: nil
        }
    }

    /// `WORD = VALUE`, or `Name: VALUE` and `Client: VALUE (…)`; nil for other text.
    private static func assignment(_ bare: String) -> ConfigurationComment? {
        guard let sign = bare.firstIndex(where: { $0 == "=" || $0 == ":" }) else { return nil }
        let word = String(bare[..<sign]).trimmed().lowercased()
        let value = String(bare[bare.index(after: sign)...]).trimmed()
        if word == "name" || word == "friendly_name" {
            return name(value).map { .tag($0) } ?? .empty
        }
        if word == "client", bare[sign] == ":" {
            let plain = value.last == ")" ? value.prefix { $0 != "(" } : value[...]
            return name(String(plain).trimmed()).map { .mark($0) } ?? .empty
        }
        let isSetting = bare[sign] == "=" && !word.isEmpty && !word.contains(" ")
        return isSetting ? .setting : nil
    }

    /// The text between the number signs at both ends.
    private static func bare(_ text: String) -> String {
        var middle = text.drop { $0 == "#" || $0.isWhitespace }
        while let last = middle.last, last == "#" || last.isWhitespace { middle.removeLast() }
        return String(middle)
    }

    private static func name(_ text: String) -> String? { ClientName.clean(text) }
}

/// What can be a client's name.
enum ClientName {
    /// Longest name kept, in UTF-8 bytes.
    static let longest = 255

    /// The text as a name: no control characters, not too long, at least a letter or digit; nil
    /// where nothing is left of it.
    static func clean(_ text: String) -> String? {
        // Cut before anything that goes through it: it may be as long as a file.
        var name = String(decoding: text.utf8.prefix(longest * 4), as: UTF8.self)
        name.unicodeScalars.removeAll { scalar in
            scalar.properties.generalCategory == .control || scalar == "\u{fffd}"
        }
        while name.utf8.count > longest { name.removeLast() }
        return name.contains { $0.isLetter || $0.isNumber } ? name.trimmed() : nil
    }
}
