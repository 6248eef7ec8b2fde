import Accounting
import Foundation
import Testing

@testable import Agent
@testable import Ledger

@Suite struct LedgerFolderTests {
    let folder = FileManager.default.temporaryDirectory.appending(path: "agent-\(UUID())").path
    let key = KeptOutKey(
        meter: MeterName(kind: .v2ray, device: "main"), key: .text("alice"), isRemoved: true,
        settings: [1, 2, 3])

    init() throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
    }

    func identity(_ digit: String) -> Identity {
        Identity(
            server: 1, name: "host", controllers: [], pins: [], secret: "",
            ledger: String(repeating: digit, count: 32), tokenDigest: "")
    }

    func open(_ digit: String) throws -> Ledger {
        try LedgerFolder.open(folder, identity(digit), instance: String(repeating: "0", count: 32))
    }

    @Test func aJoinBeginsANewLedgerThatStillKnowsWhoIsKeptOut() throws {
        do { try open("a").keepOut([key]) }
        let ledger = try open("b")
        #expect(ledger.start == 2)
        #expect(try ledger.keptOut().map(\.settings) == [[1, 2, 3]])
        let aside = "\(folder)/ledger-\(String(repeating: "a", count: 32)).sqlite"
        #expect(try Ledger.id(at: aside) == String(repeating: "a", count: 32))
    }

    @Test func aSuccessorThatWasNotPutInPlaceYetIsTaken() throws {
        do { try open("b").keepOut([key]) }
        try FileManager.default.moveItem(
            atPath: "\(folder)/ledger.sqlite", toPath: "\(folder)/ledger.new.sqlite")
        #expect(try open("b").keptOut().count == 1)
    }

    @Test func aDamagedLedgerIsNamedWithTheWayOut() throws {
        let path = "\(folder)/ledger.sqlite"
        try Data(repeating: 7, count: 5_000).write(to: URL(filePath: path))
        let error = #expect(throws: LedgerError.self) { try open("a") }
        #expect(error?.description.contains(path) == true)
        #expect(error?.description.contains("join") == true)
    }
}
