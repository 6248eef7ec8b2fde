/// All keys that a program knows.
public struct SettingsTable: Sendable {
    /// What the keys are called in the environment begins with this, such as `TOLLKEEPER_AGENT_`.
    public let prefix: String
    /// The keys, in the order of the reference file.
    public let keys: [any AnySettingKey]
    /// Variables with the prefix that mean something else; one that ends in `*` stands for all
    /// that begin like it.
    public let otherVariables: [String]

    /// Makes a table.
    public init(prefix: String, keys: [any AnySettingKey], otherVariables: [String] = []) {
        self.prefix = prefix
        self.keys = keys
        self.otherVariables = otherVariables
    }

    /// The key called `name`; nil where there is none.
    func key(_ name: some StringProtocol) -> (any AnySettingKey)? {
        keys.first { $0.name == name }
    }

    /// Whether a variable that begins with the prefix is none of the configuration's.
    func isOther(_ variable: String) -> Bool {
        otherVariables.contains { name in
            name.hasSuffix("*") ? variable.hasPrefix(name.dropLast()) : variable == name
        }
    }

    /// Refuses a key that the table does not have.
    func known(
        _ name: String, at place: String
    ) throws(SettingsError) -> any AnySettingKey {
        if let key = key(name) { return key }
        let bare = name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
        var reason = "\"\(Printable.text(name))\" is no known key"
        if let near = Nearest.word(to: bare, among: keys.map(\.name)) {
            reason += "; the nearest is \(near)"
        }
        throw SettingsError(.unknown, at: place, reason)
    }

    /// A file with every key, its meaning and its default, all commented out.
    public var reference: String {
        keys.map { key in
            let about = key.about.isEmpty ? "" : "# \(key.about)\n"
            return about + "# Right is \(key.expected).\n#\(key.name)=\(key.fallback ?? "")\n"
        }.joined(separator: "\n")
    }
}

/// The known word that a mistyped one is closest to.
enum Nearest {
    /// Nil where there are no words.
    static func word(to wrong: String, among words: [String]) -> String? {
        let wrong = Array(wrong.uppercased().unicodeScalars.prefix(64))
        return words.min { distance(wrong, $0) < distance(wrong, $1) }
    }

    /// How many scalars must be put in, left out or changed.
    private static func distance(_ first: [Unicode.Scalar], _ word: String) -> Int {
        let second = Array(word.uppercased().unicodeScalars)
        var row = Array(0...second.count)
        for (index, scalar) in first.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for (column, other) in second.enumerated() {
                let change = diagonal + (scalar == other ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(change, row[column] + 1, diagonal + 1)
            }
        }
        return row[second.count]
    }
}

/// Text from outside, made fit for a message.
enum Printable {
    /// At most 80 characters, without control characters.
    static func text(_ text: String) -> String {
        let shown = text.unicodeScalars.prefix(80).map { scalar in
            scalar.properties.generalCategory == .control ? "?" : Character(scalar)
        }
        return String(shown) + (text.unicodeScalars.count > 80 ? "…" : "")
    }
}
