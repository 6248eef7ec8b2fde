/// One key that a configuration may have, and what its value means.
public struct SettingKey<Value: Sendable>: Sendable {
    /// The key as the file has it, such as `READ_INTERVAL`.
    public let name: String
    /// What holds where nobody sets it, written as in a file; nil for nothing.
    public let fallback: String?
    /// What a right value is, as the end of "should be …".
    public let expected: String
    /// One line for the reference file.
    public let about: String
    /// Whether errors must not show the value.
    public let isSecret: Bool
    private let parse: @Sendable (String) -> Value?

    /// Makes a key; `parse` answers nil for a wrong value.
    public init(
        _ name: String, default fallback: String?, expected: String, about: String = "",
        isSecret: Bool = false, parse: @escaping @Sendable (String) -> Value?
    ) {
        self.name = name
        self.fallback = fallback
        self.expected = expected
        self.about = about
        self.isSecret = isSecret
        self.parse = parse
    }

    /// The value that `text` means; nil where it means none.
    public func value(of text: String) -> Value? { parse(text) }
}

/// A key of whatever type, for tables of them.
public protocol AnySettingKey: Sendable {
    /// The key as the file has it.
    var name: String { get }
    /// What holds where nobody sets it; nil for nothing.
    var fallback: String? { get }
    /// What a right value is.
    var expected: String { get }
    /// One line for the reference file.
    var about: String { get }
    /// Whether errors must not show the value.
    var isSecret: Bool { get }
    /// Whether `text` is a right value.
    func accepts(_ text: String) -> Bool
}

extension SettingKey: AnySettingKey {
    /// Whether `text` is a right value.
    public func accepts(_ text: String) -> Bool { value(of: text) != nil }
}
