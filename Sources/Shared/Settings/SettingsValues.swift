/// What holds: flags over the environment over the file over defaults.
public struct SettingsValues: Sendable {
    private struct Given: Sendable {
        var text: String
        var place: String
    }

    private let table: SettingsTable
    private var given: [String: Given] = [:]

    /// Takes everything that was given, and refuses unknown keys and wrong values at once.
    ///
    /// `flags` has the table's keys: `READ_INTERVAL` for `--read-interval`.
    public init(
        _ table: SettingsTable, flags: [String: String] = [:], environment: [String: String] = [:],
        file: SettingsFile? = nil
    ) throws(SettingsError) {
        self.table = table
        for entry in file?.entries ?? [] {
            try take(entry.key, entry.value, at: "\(file?.name ?? ""):\(entry.line)")
        }
        for (variable, value) in environment.sorted(by: { $0.key < $1.key }) {
            guard variable.hasPrefix(table.prefix), !table.isOther(variable) else { continue }
            let place = "environment variable \(Printable.text(variable))"
            try take(String(variable.dropFirst(table.prefix.count)), value, at: place)
        }
        for (key, value) in flags.sorted(by: { $0.key < $1.key }) {
            try take(key, value, at: Self.flag(key))
        }
    }

    private mutating func take(
        _ name: String, _ text: String, at place: String
    ) throws(SettingsError) {
        let key = try table.known(name, at: place)
        guard key.accepts(text) else { throw Self.refusal(key, text, at: place) }
        given[name] = Given(text: text, place: place)
    }

    /// What the key's value is; throws where nobody set it and it has no default.
    public func required<Value>(_ key: SettingKey<Value>) throws(SettingsError) -> Value {
        if let value = try optional(key) { return value }
        throw SettingsError(
            .missing, at: key.name,
            "must be set to \(key.expected): in the file, as \(table.prefix)\(key.name) in the "
                + "environment, or by \(Self.flag(key.name))")
    }

    /// What the key's value is; nil where nobody set it and it has no default.
    public func optional<Value>(_ key: SettingKey<Value>) throws(SettingsError) -> Value? {
        let given = given[key.name] ?? key.fallback.map { Given(text: $0, place: "the default") }
        guard let given else { return nil }
        guard let value = key.value(of: given.text) else {
            throw Self.refusal(key, given.text, at: given.place)
        }
        return value
    }

    /// Where the key's value comes from, such as `agent.conf:3`; nil for the default.
    public func place(of key: some AnySettingKey) -> String? { given[key.name]?.place }

    private static func refusal(
        _ key: any AnySettingKey, _ text: String, at place: String
    ) -> SettingsError {
        let value = key.isSecret ? "its value" : "\"\(Printable.text(text))\""
        return SettingsError(
            .wrong, at: place, "\(key.name) cannot be \(value); it should be \(key.expected)")
    }

    private static func flag(_ key: String) -> String {
        "--" + key.lowercased().split(separator: "_").joined(separator: "-")
    }
}
