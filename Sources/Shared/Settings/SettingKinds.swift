extension SettingKey where Value == String {
    /// A text that is not empty.
    public static func string(
        _ name: String, default fallback: String? = nil, expected: String = "a text",
        about: String = "", isSecret: Bool = false
    ) -> Self {
        Self(name, default: fallback, expected: expected, about: about, isSecret: isSecret) {
            $0.isEmpty ? nil : $0
        }
    }
}

extension SettingKey where Value == Int {
    /// A whole number within `range`.
    public static func int(
        _ name: String, default fallback: String? = nil, in range: ClosedRange<Int>,
        about: String = ""
    ) -> Self {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return Self(name, default: fallback, expected: expected, about: about) { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension SettingKey where Value == Duration {
    /// A time such as `10s`, `500ms`, `2m`, `24h` or `7d`, within `range`.
    public static func duration(
        _ name: String, default fallback: String? = nil, in range: ClosedRange<Duration>,
        about: String = ""
    ) -> Self {
        let (low, high) = (Quantity.text(of: range.lowerBound), Quantity.text(of: range.upperBound))
        let expected = "a time such as 10s, 500ms or 2m, from \(low) to \(high)"
        return Self(name, default: fallback, expected: expected, about: about) { text in
            Quantity.duration(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension SettingKey where Value == Bool {
    /// `yes` or `no`, `true` or `false`, `on` or `off`, `1` or `0`.
    public static func bool(
        _ name: String, default fallback: String? = nil, about: String = ""
    ) -> Self {
        Self(name, default: fallback, expected: "yes or no", about: about) { text in
            switch text.lowercased() {
            case "yes", "true", "on", "1": true
            case "no", "false", "off", "0": false
            default: nil
            }
        }
    }
}

extension SettingKey where Value == UInt64 {
    /// Bytes such as `512MB` or `100GB`, multiples of 1024, within `range`.
    public static func size(
        _ name: String, default fallback: String? = nil, in range: ClosedRange<UInt64>,
        about: String = ""
    ) -> Self {
        let (low, high) = (Quantity.text(of: range.lowerBound), Quantity.text(of: range.upperBound))
        let expected = "a size such as 512MB or 2GB, from \(low) to \(high)"
        return Self(name, default: fallback, expected: expected, about: about) { text in
            Quantity.size(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension SettingKey where Value == [String] {
    /// Items between commas or spaces; an empty value is an empty list.
    public static func list(
        _ name: String, default fallback: String? = "", expected: String = "items between commas",
        about: String = "", isRight: @escaping @Sendable (String) -> Bool = { _ in true }
    ) -> Self {
        Self(name, default: fallback, expected: expected, about: about) { text in
            let items = text.split { $0 == "," || $0.isWhitespace }.map(String.init)
            return items.allSatisfy(isRight) ? items : nil
        }
    }
}

extension SettingKey where Value: RawRepresentable<String> & CaseIterable {
    /// One of the words of an enumeration.
    public static func choice(
        _ name: String, default fallback: Value? = nil, about: String = ""
    ) -> Self {
        let words = Value.allCases.map(\.rawValue)
        let expected = words.count == 1 ? words[0] : words.joined(separator: " or ")
        return Self(name, default: fallback?.rawValue, expected: expected, about: about) {
            Value(rawValue: $0)
        }
    }
}
