import Accounting
import HTTPClient
import Settings

extension FuzzTarget {
    /// Files, encodings and compressed bodies.
    static let textTargets = [
        FuzzTarget("settings", settings), FuzzTarget("words", words), FuzzTarget("gzip", gzip),
    ]

    private static func settings(_ bytes: [UInt8]) throws {
        let text = String(decoding: bytes, as: UTF8.self)
        _ = try refusing(SettingsError.self) {
            let file = try SettingsFile(text: text, name: "fuzz.conf")
            let lines = file.entries.map(\.line)
            try FuzzFinding.unless(lines == lines.sorted(), "the lines are out of order")
            try FuzzFinding.unless(
                Set(file.entries.map(\.key)).count == file.entries.count, "a key is set twice")
            let values = try SettingsValues(table, file: file)
            let interval = try values.required(interval)
            try FuzzFinding.unless(
                (.seconds(1) ... .seconds(60)).contains(interval), "\(interval) is out of range")
            _ = (try values.required(isOn), try values.optional(size), try values.optional(count))
            _ = try values.required(names)
        }
    }

    private static let interval = SettingKey<Duration>.duration(
        "INTERVAL", default: "10s", in: .seconds(1) ... .seconds(60))
    private static let isOn = SettingKey<Bool>.bool("ON", default: "yes")
    private static let size = SettingKey<UInt64>.size("SIZE", in: 1...UInt64.max)
    private static let count = SettingKey<Int>.int("COUNT", in: 0...Int.max)
    private static let names = SettingKey<[String]>.list("NAMES", expected: "names")
    private static let table = SettingsTable(
        prefix: "FUZZ_", keys: [interval, isOn, size, count, names])

    /// Keys, addresses, meters' names and encodings: what is read is written back as it was.
    private static func words(_ bytes: [UInt8]) throws {
        let text = String(decoding: bytes, as: UTF8.self)
        if let key = PublicKey(base64: text) {
            try FuzzFinding.unless(key.base64 == text, "a key has two texts")
        }
        if let decoded = Hexadecimal.decode(text) {
            try FuzzFinding.unless(
                Hexadecimal.encode(decoded) == text.lowercased(), "hexadecimal is not read back")
        }
        if let decoded = Base64.decode(text) {
            try FuzzFinding.unless(Base64.encode(decoded) == text, "base64 has two texts")
        }
        if let range = AddressRange(text) {
            try FuzzFinding.unless(
                AddressRange(range.description) == range, "\(range) is not read back")
        }
        if let name = MeterName(text) {
            try FuzzFinding.unless(name.description == text, "\(name) is not read back")
            try FuzzFinding.unless(MeterName(name.description) == name, "\(name) is another")
        }
        for kind in MeterKind.allCases {
            guard let key = Key(text, of: kind) else { continue }
            try FuzzFinding.unless(Key(key.description, of: kind) == key, "\(key) is another")
        }
        _ = BootID(text)
    }

    private static func gzip(_ bytes: [UInt8]) throws {
        let limit = 1 << 18
        if let inflated = try refusing(GzipError.self, { try Gzip.inflate(bytes, limit: limit) }) {
            try FuzzFinding.unless(inflated.count <= limit, "\(inflated.count) bytes came out")
        }
        let again = try Gzip.inflate(Gzip.deflate(bytes), limit: bytes.count)
        try FuzzFinding.unless(again == bytes, "what was compressed is not what came out")
    }
}
