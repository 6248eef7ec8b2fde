import Foundation
import Settings
import Testing

@Suite struct SettingsFileTests {
    @Test(arguments: [
        ("MODE", "f:1: \"MODE\" has no =; a line is KEY=value, or a comment that begins with #"),
        (
            "A=1\n\n  B  \n",
            "f:3: \"B\" has no =; a line is KEY=value, or a comment that begins with #"
        ),
        ("=1", "f:1: \"\" cannot be a key; a line is KEY=value"),
        ("export A=1", "f:1: \"export A\" cannot be a key; a line is KEY=value"),
        ("[agent]=", "f:1: \"[agent]\" cannot be a key; a line is KEY=value"),
        ("A=1\nB=2\nA=1", "f:3: A stands in line 1 already; keep one of them"),
        (
            "A=\"half",
            "f:1: the value of A begins with \", so it must end with it too, and nothing may follow"
        ),
        (
            "A='one' two",
            "f:1: the value of A begins with ', so it must end with it too, and nothing may follow"
        ),
        ("A=1\u{0}2", "f:1: the value of A has control characters"),
        ("A=\u{1b}[31m", "f:1: the value of A has control characters"),
    ])
    func aBrokenLineIsNamed(_ text: String, _ message: String) {
        let error = #expect(throws: SettingsError.self) { try SettingsFile(text: text, name: "f") }
        #expect(error?.description == message)
    }

    @Test(arguments: [
        ("", [:]), ("\n\n", [:]), ("# A=1\n  # B=2", [:]),
        ("A=1", ["A": "1"]), ("  A = 1  ", ["A": "1"]), ("A=1\r\nB=2\r\n", ["A": "1", "B": "2"]),
        ("\u{feff}A=1", ["A": "1"]), ("A=", ["A": ""]), ("A=b=c", ["A": "b=c"]),
        ("A=1 # why", ["A": "1"]), ("A=# why", ["A": ""]), ("A=b#c", ["A": "b#c"]),
        ("A=\" b # c \"", ["A": " b # c "]), ("A='\"' # why", ["A": "\""]), ("A=''", ["A": ""]),
        ("A=two words", ["A": "two words"]), ("A=grün", ["A": "grün"]),
    ])
    func linesAreReadAsPeopleMeanThem(_ text: String, _ values: [String: String]) throws {
        let entries = try SettingsFile(text: text, name: "f").entries
        #expect(Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) }) == values)
    }

    @Test func aFileThatCannotBeReadIsNamed() throws {
        let directory = FileManager.default.temporaryDirectory.path + "/tk-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let absent = directory + "/absent.conf"
        #expect(try SettingsFile.read(absent, mustExist: false) == nil)
        #expect(throws: SettingsError(.unreadable, at: absent, "there is no such file")) {
            try SettingsFile.read(absent, mustExist: true)
        }
        #expect(throws: SettingsError(.unreadable, at: directory, "cannot be read as a file")) {
            try SettingsFile.read(directory, mustExist: false)
        }
        let binary = directory + "/binary.conf"
        try Data([0x41, 0x3d, 0xff, 0xfe]).write(to: URL(filePath: binary))
        #expect(throws: SettingsError(.malformed, at: binary, "is not UTF-8 text")) {
            try SettingsFile.read(binary, mustExist: false)
        }
        let huge = directory + "/huge.conf"
        try Data(repeating: 0x23, count: 1 << 20 + 1).write(to: URL(filePath: huge))
        #expect(throws: SettingsError(.unreadable, at: huge, "is longer than 1 MB")) {
            try SettingsFile.read(huge, mustExist: false)
        }
        let good = directory + "/good.conf"
        try Data("A=1\n".utf8).write(to: URL(filePath: good))
        #expect(try SettingsFile.read(good, mustExist: true)?.entries.first?.line == 1)
    }
}
