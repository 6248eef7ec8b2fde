import API
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct RestoreTests {
        @Test func aControllerPutBackFromACopyIsCaughtUpAndOpensNobody() throws {
            let (tunnel, fleet) = try Fleet.metering(["alice", "bob", "carol"])
            let traffic = { (names: [String], size: Int) in
                for name in names { try tunnel.client(name).ping(count: 10, size: size) }
            }
            try traffic(["alice", "bob", "carol"], 100)
            #expect(try eventually(within: 30) { try fleet.totals() == tunnel.truth() })
            fleet.killController()
            let copy = try fleet.copyOfStore()
            try fleet.startController()

            // What the controller is going to lose.
            try traffic(["alice", "bob", "carol"], 300)
            #expect(try eventually(within: 30) { try fleet.totals() == tunnel.truth() })
            let bob = try tunnel.client("bob")
            try fleet.tollkeeper("client", "revoke", "bob")
            #expect(try !bob.reachesServer())
            try traffic(["alice", "carol"], 500)
            let key = bob.keys.publicKey
            let bobs = try #require(try fleet.totals()[key])
            let isEqual = {
                var truth = try tunnel.truth()
                truth[key] = bobs
                return try fleet.totals() == truth
            }
            #expect(try eventually(within: 30, isEqual))

            fleet.killController()
            try traffic(["alice"], 700)
            try fleet.putBack(copy)
            try fleet.startController()
            try traffic(["carol"], 900)
            #expect(try eventually(within: 60, isEqual))
            #expect(try !bob.reachesServer())
            #expect(fleet.agent?.errors.contains("it is caught up") == true)

            // And it stays so, whoever starts again.
            fleet.killAgent()
            try fleet.startAgent()
            try traffic(["alice", "carol"], 200)
            #expect(try eventually(within: 60, isEqual))
            #expect(try !bob.reachesServer())
        }

        @Test func aLedgerPutBackFromACopyStopsPushingAndSaysSo() throws {
            let (tunnel, fleet) = try Fleet.metering(["alice"])
            let alice = try tunnel.client("alice")
            try alice.ping(count: 10)
            #expect(try eventually(within: 30) { try fleet.totals() == tunnel.truth() })
            fleet.killAgent()
            let copy = try fleet.copyOfLedger()
            try fleet.startAgent()
            for _ in 0..<3 {
                try alice.ping(count: 10)
                #expect(try eventually(within: 30) { try fleet.totals() == tunnel.truth() })
            }
            fleet.killAgent()
            let before = try fleet.totals()
            try fleet.putBackLedger(copy)
            try fleet.startAgent()
            #expect(
                try eventually(within: 30) {
                    try fleet.tollkeeperAgent("status").output.contains("anew")
                })
            #expect(try fleet.tollkeeperAgent("doctor").status == 1)
            try alice.ping(count: 10)
            #expect(try fleet.totals() == before)
            #expect(try alice.reachesServer())
        }
    }
}

extension Fleet {
    /// Copies the store of a controller that does not run, and returns where to.
    func copyOfStore() throws -> String {
        try copy(of: controllerFolder, named: "copy-of-store") { !$0.hasSuffix(".sock") }
    }

    /// Puts the store back from a copy.
    func putBack(_ copy: String) throws {
        try FileManager.default.removeItem(atPath: controllerFolder)
        try FileManager.default.copyItem(atPath: copy, toPath: controllerFolder)
    }

    /// Copies the ledger of an agent that does not run, and returns where to.
    func copyOfLedger() throws -> String {
        try copy(of: agentFolder, named: "copy-of-ledger") { $0.hasPrefix("ledger.sqlite") }
    }

    /// Puts the ledger back from a copy.
    func putBackLedger(_ copy: String) throws {
        try removeLedger()
        for name in try FileManager.default.contentsOfDirectory(atPath: copy) {
            try FileManager.default.copyItem(
                atPath: "\(copy)/\(name)", toPath: "\(agentFolder)/\(name)")
        }
    }

    /// Removes the ledger of an agent that does not run.
    func removeLedger() throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: agentFolder)
        where name.hasPrefix("ledger.sqlite") {
            try FileManager.default.removeItem(atPath: "\(agentFolder)/\(name)")
        }
    }

    private func copy(
        of source: String, named name: String, where isWanted: (String) -> Bool
    ) throws -> String {
        let copy = "\(folder.path)/\(name)"
        try FileManager.default.createDirectory(
            atPath: copy, withIntermediateDirectories: true)
        for file in try FileManager.default.contentsOfDirectory(atPath: source)
        where isWanted(file) {
            try FileManager.default.copyItem(
                atPath: "\(source)/\(file)", toPath: "\(copy)/\(file)")
        }
        return copy
    }
}
