import Accounting
import Foundation
import TestSupport
import Testing

@testable import Meters

@Suite struct ClientsTableTests {
    static let key = Data(repeating: 7, count: 32).base64EncodedString()
    static let other = Data(repeating: 8, count: 32).base64EncodedString()

    @Test(
        "what is no table is refused",
        arguments: [
            "", "\0", "nothing", "7", "\"text\"", "null", "true", "[", "[{}", "{\"a\":", "[]]",
            "[{\"clientId\": \"a\"", String(repeating: "[", count: 100_000),
            String(repeating: "{\"a\":", count: 100_000),
        ])
    func malformed(_ text: String) {
        let error = #expect(throws: MeterError.self) { try ClientsTable(Array(text.utf8)) }
        #expect(error?.code == .malformed)
    }

    @Test(
        "an entry that cannot be understood hides no other",
        arguments: [
            "7", "null", "[]", "{}", "{\"clientId\": 7}", "{\"clientId\": \"short\"}",
            "{\"clientId\": \"\(other)\"}", "{\"clientId\": \"\(other)\", \"userData\": 7}",
            "{\"clientId\": \"\(other)\", \"userData\": {\"clientName\": null}}",
            "{\"clientId\": \"\(other)\", \"userData\": {\"clientName\": \"\\u0007 \\n\"}}",
        ])
    func broken(_ entry: String) throws {
        let text = """
            [\(entry), {"clientId": "\(Self.key)", "userData": {"clientName": "Alice's phone",
            "creationDate": "Mon Jan 1 10:00:00 2026", "dataReceived": "1 GB"}}]
            """
        #expect(try names(text) == [Self.key: "Alice's phone"])
    }

    @Test func theOldFormIsReadToo() throws {
        let text = """
            {"\(Self.key)": {"clientName": "Alice"}, "\(Self.other)": [], "x": {"clientName": "y"}}
            """
        #expect(try names(text) == [Self.key: "Alice"])
        #expect(try names("[]").isEmpty)
        #expect(try names("{}").isEmpty)
    }

    @Test func namesAreCleanedAndCut() throws {
        let long = String(repeating: "é", count: 300_000)
        for (name, expected) in [
            ("A\\u0000l\\u001b[31mice\\r\\n", "Al[31mice"), ("  Bob\\t", "Bob"),
            (long, String(long.prefix(127))),
        ] {
            let text = """
                [{"clientId": "\(Self.key)", "userData": {"clientName": "\(name)"}}]
                """
            #expect(try names(text) == [Self.key: expected])
        }
    }

    @Test func aHugeFileIsRefusedUnreadAndAGoodOneReadAgain() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("", to: ClientsTable.fileName)
        try #require(truncate(path, 1 << 40) == 0)
        let file = ClientsTable.file(in: folder.path, of: nil)
        #expect { try file.current() } throws: { ($0 as? MeterError)?.code == .failed }
        try folder.write(
            "[{\"clientId\": \"\(Self.key)\", \"userData\": {\"clientName\": \"a\"}}]",
            to: ClientsTable.fileName)
        #expect(try file.current()?.names.count == 1)
        try FileManager.default.removeItem(atPath: path)
        #expect(try file.current() == nil)
        try #require(mkfifo(path, 0o600) == 0)
        #expect { try file.current() } throws: { ($0 as? MeterError)?.code == .failed }
    }

    private func names(_ text: String) throws -> [String: String] {
        let table = try ClientsTable(Array(text.utf8))
        return Dictionary(uniqueKeysWithValues: table.names.map { ($0.base64, $1) })
    }
}
