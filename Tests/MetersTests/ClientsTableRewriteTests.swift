import Foundation
import Meters
import Testing

/// Taking clients out of Amnezia's table: broken tables first.
@Suite struct ClientsTableRewriteTests {
    func remove(_ clients: Set<String>, _ text: String) throws -> String {
        String(
            decoding: try ClientsTableRewrite.removing(clients, from: Array(text.utf8)),
            as: UTF8.self)
    }

    @Test(arguments: [
        "", " ", "1", "\"a\"", "[", "[,]", "[1,]", "[1 2]", "[}", "{]", "{\"a\"}", "{\"a\":}",
        "{a:1}", "[\"a]", "[\"\\x\"]", "[\"\\u12\"]", "[\"\\u+123\"]", "[tru]", "[01x]", "[] []",
        "[\"\u{1}\"]", "[--1]", String(repeating: "[", count: 100_000),
    ])
    func whatIsNoTableIsRefused(_ text: String) {
        #expect(throws: ClientsTableRewrite.Malformed.self) { try remove(["a"], text) }
    }

    @Test func bytesThatAreNoJSONNeverCrash() {
        var random = SeededRandom(3)
        let words = Array("[]{},:\"\\u0a1 -e.clientId".utf8) + [0xff]
        for _ in 0..<5000 {
            let bytes = (0..<60).map { _ in words.randomElement(using: &random) ?? 0 }
            _ = try? ClientsTableRewrite.removing(["a"], from: [UInt8(ascii: "[")] + bytes)
        }
    }

    static let table = """
        [
            {
                "clientId": "a+b/c=",
                "userData": {
                    "clientName": "Ann \\"[{,]\\" é",
                    "creationDate": "Mon Jan 1 2026"
                }
            },
            {
                "userData": {
                    "clientId": "a+b/c=",
                    "clientName": "not Ann"
                },
                "clientId": "b"
            },
            {
                "clientId": "c"
            }
        ]

        """

    @Test func anEntryGoesAndEveryOtherByteStays() throws {
        let first = try remove(["a+b/c="], Self.table)
        let start = try #require(Self.table.range(of: "    {\n        \"clientId\": \"a+b/c=\""))
        let end = try #require(Self.table.range(of: "    {\n        \"userData\""))
        #expect(
            first
                == Self.table.replacingCharacters(
                    in: start.lowerBound..<end.lowerBound, with: ""))
        #expect(
            try remove(["c"], Self.table)
                == Self.table.replacing(",\n    {\n        \"clientId\": \"c\"\n    }", with: ""))
        #expect(try remove(["nobody"], Self.table) == Self.table)
    }

    @Test(arguments: [
        (["a"], "[]", "[]"), (["a"], "{}", "{}"),
        (["a"], "[ {\"clientId\":\"a\"} ]", "[  ]"),
        (["a", "b"], "[{\"clientId\":\"a\"},{\"clientId\":\"b\"}]", "[]"),
        (
            ["b", "c"], "[{\"clientId\":\"a\"}, {\"clientId\":\"b\"},{\"clientId\":\"c\"}]",
            "[{\"clientId\":\"a\"}]"
        ),
        (
            ["a", "c"], "[{\"clientId\":\"a\"}, {\"clientId\":\"b\"},{\"clientId\":\"c\"}]",
            "[{\"clientId\":\"b\"}]"
        ),
        (["a/"], "[{\"clientId\":\"a\\/\"},{\"clientId\":\"a\\u002f\"},7]", "[7]"),
        (["a"], "{\"a\": {\"clientName\": \"Ann\"}, \"b\": {}}", "{\"b\": {}}"),
        (["a"], "\u{feff}[{\"clientId\":\"a\"},null]", "\u{feff}[null]"),
        (
            ["a"], "[{\"clientId\":7},{\"x\":{\"clientId\":\"a\"}},[\"a\"],\"a\"]",
            "[{\"clientId\":7},{\"x\":{\"clientId\":\"a\"}},[\"a\"],\"a\"]"
        ),
    ])
    func everyFormIsRead(_ clients: [String], _ text: String, _ left: String) throws {
        #expect(try remove(Set(clients), text) == left)
    }

    /// Another reader of JSON finds the same entries in what is left, for random tables.
    @Test func whatIsLeftIsJSONWithExactlyTheOthers() throws {
        struct Entry: Codable, Equatable {
            var clientId: String
            var userData: [String: String]
        }
        var random = SeededRandom(11)
        for _ in 0..<500 {
            let table = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                Entry(
                    clientId: ["a/", "b", "c\"", "d,"].randomElement(using: &random) ?? "",
                    userData: ["clientName": "x]},{[", "n": "\u{1f600}\\"])
            }
            let encoder = JSONEncoder()
            if Bool.random(using: &random) { encoder.outputFormatting = .prettyPrinted }
            let gone = Set(["a/", "b", "c\"", "d,"].filter { _ in Bool.random(using: &random) })
            let left = try ClientsTableRewrite.removing(
                gone, from: Array(try encoder.encode(table)))
            let decoded = try JSONDecoder().decode([Entry].self, from: Data(left))
            #expect(decoded == table.filter { !gone.contains($0.clientId) })
        }
    }
}
