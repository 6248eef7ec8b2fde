import Accounting
import AgentProtocol
import Foundation
import Testing

@testable import Ledger

@Suite struct AssignmentTests {
    let folder = TestFolder()
    var ledger: Ledger
    var controller = TestController()

    init() throws {
        ledger = try CatchUpTests.open(folder.path)
    }

    func assign(_ credential: UInt64, replaces: Bool = false) throws {
        try ledger.take([
            CredentialAssignment(
                meter: .wg0, key: .alice, credential: credential, replaces: replaces)
        ])
    }

    mutating func exchange() throws {
        try Ledger.exchange(&ledger, &controller)
    }

    @Test mutating func aReplacedCredentialTakesEverythingAlong() throws {
        try ledger.count("alice", 10, at: .at(1))
        try assign(7)
        try exchange()
        try ledger.count("alice", 1, at: .at(2))
        try assign(9, replaces: true)
        ledger = try CatchUpTests.open(folder.path)
        #expect(ledger.credential(of: .alice, at: .wg0) == 9)
        #expect(ledger.total(of: .alice, at: .wg0)?.uplink == 11)
        controller = TestController()
        #expect(try ledger.take(applied: 0, digest: [], asked: ledger.askedAt) == .behind)
        try exchange()
        #expect(controller.totals == [9: Traffic(uplink: 11, downlink: 11)])
    }

    @Test mutating func aKeyThatComesBackToItsCredentialGoesOnWithItsTotal() throws {
        try ledger.count("alice", 10, at: .at(1))
        try assign(7)
        try ledger.count("alice", 1, at: .at(2))
        try assign(8)
        try ledger.count("alice", 2, at: .at(3))
        try assign(7)
        try ledger.count("alice", 4, at: .at(4))
        ledger = try CatchUpTests.open(folder.path)
        try exchange()
        #expect(controller.totals.mapValues(\.uplink) == [7: 15, 8: 2])
        #expect(controller.backwards == 0)
    }

    @Test mutating func anAnswerThatNamesAKeyTwiceLosesNothing() throws {
        let answer = { (credentials: [UInt64]) in
            credentials.map {
                CredentialAssignment(meter: .wg0, key: .alice, credential: $0)
            }
        }
        try ledger.count("alice", 10, at: .at(1))
        try ledger.take(answer([5, 6, 7]))
        try ledger.count("alice", 1, at: .at(2))
        try ledger.take(answer([8, 9, 5]))
        try ledger.count("alice", 2, at: .at(3))
        #expect(ledger.credential(of: .alice, at: .wg0) == 5)
        ledger = try CatchUpTests.open(folder.path)
        #expect(ledger.credential(of: .alice, at: .wg0) == 5)
        try exchange()
        #expect(controller.totals.values.map(\.uplink).reduce(0, +) == 13)
        #expect(controller.backwards == 0)
    }

    @Test mutating func aCredentialThatReplacesTheNextOneHasBothTotals() throws {
        let hour: Int64 = 3_600
        try ledger.count("alice", 10, at: .at(1))
        try assign(7)
        try exchange()
        let backup = controller
        try ledger.count("alice", 1, at: .at(hour))
        try assign(8)
        try ledger.count("alice", 2, at: .at(2 * hour))
        try exchange()
        try ledger.count("alice", 4, at: .at(3 * hour))
        controller = backup
        #expect(
            try ledger.take(applied: 1, digest: backup.digest, asked: ledger.askedAt) == .behind)
        try assign(7, replaces: true)
        ledger = try CatchUpTests.open(folder.path)
        try exchange()
        #expect(controller.totals.mapValues(\.uplink) == [7: 17])
        #expect(controller.hours[7]?.values.map(\.uplink).sorted() == [1, 2, 4, 10])
        #expect(controller.backwards == 0)
        try ledger.count("alice", 1, at: .at(4 * hour))
        try exchange()
        #expect(controller.totals.mapValues(\.uplink) == [7: 18])
    }
}
