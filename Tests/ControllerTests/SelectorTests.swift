import Testing

@testable import Controller

@Suite struct SelectorTests {
    @Test(arguments: [
        "", "id:", "id:x", "id:-1", "id:0", "id:1.5", "id:99999999999999999999",
        "name:", "key:",
    ])
    func whatNamesNothingIsAUsageError(_ text: String) {
        let failure = #expect(throws: CommandFailure.self) { try Selector(text) }
        #expect(failure?.status == .usage)
    }

    @Test(arguments: [
        ("phone", Selector.name("phone")), ("15", .name("15")), ("id:15", .id(15)),
        ("name:15", .name("15")), ("name:id:15", .name("id:15")), ("key:a=b", .key("a=b")),
        ("my phone", .name("my phone")), ("ID:3", .name("ID:3")),
    ])
    func selectorsAreReadAsTyped(_ text: String, _ selector: Selector) throws {
        #expect(try Selector(text) == selector)
    }

    @Test func aDashStandsForTheLinesOfStandardInput() throws {
        let world = Script(input: ["id:2", "", "  tablet  "]).world
        let selectors = try Selector.all(["phone", "-", "key:k"], in: world)
        #expect(selectors == [.name("phone"), .id(2), .name("tablet"), .key("k")])
    }

    @Test func emptyStandardInputIsAUsageError() {
        let failure = #expect(throws: CommandFailure.self) {
            try Selector.all(["-"], in: Script(input: ["", " "]).world)
        }
        #expect(failure?.status == .usage)
    }

    @Test func severalCandidatesAreListedAndNoneIsSaid() throws {
        let several = #expect(throws: CommandFailure.self) {
            try Choice.one([1, 2], for: .name("phone"), noun: "client") { "id:\($0)" }
        }
        #expect(several?.status == .notFound)
        #expect(
            several?.message == "2 clients are meant by \"phone\"; say which:\n  id:1\n  id:2")
        let none = #expect(throws: CommandFailure.self) {
            try Choice.one([Int](), for: .id(7), noun: "client", hint: "; list") { "\($0)" }
        }
        #expect(none?.status == .notFound)
        #expect(none?.message == "there is no client id:7; list")
        #expect(try Choice.one([3], for: .id(3), noun: "client") { "\($0)" } == 3)
    }
}
