import API
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// A second program that resets counters, as `wg setconf` does.
    @Suite struct ContestTests {
        @Test func aMeterThatAnotherProgramKeepsResettingIsShownAsContested() throws {
            let (tunnel, fleet) = try Fleet.metering(["alice"])
            #expect(try eventually { try fleet.clients().count == 1 })
            for _ in 0..<4 {
                #expect(try fleet.contested() == nil)
                try reset(tunnel, fleet)
            }
            let text = try #require(try fleet.contested())
            #expect(text.contains("wg setconf"))
            #expect(try fleet.tollkeeperAgent("status").output.contains("contested"))
            #expect(try fleet.tollkeeperAgent("doctor").output.contains("wg syncconf"))
            let shown = try fleet.attempt("server", "show", "host").output
            #expect(shown.contains("lower bounds"))

            fleet.killAgent()
            try fleet.startAgent()
            let isStill = try eventually {
                try fleet.tollkeeperAgent("status").output.contains("contested")
            }
            #expect(isStill)
            try fleet.tollkeeper("server", "sync", "host")
            #expect(try fleet.contested() != nil)
        }

        /// Lets the client's counter grow, has it read, and takes it back to zero.
        private func reset(_ tunnel: Tunnel, _ fleet: Fleet) throws {
            let key = try tunnel.client("alice").keys.publicKey
            // The server tries to reach it: that alone is counted.
            try tunnel.namespace.run(
                "wg", "set", tunnel.interface, "peer", key, "endpoint", "127.0.0.1:9",
                "persistent-keepalive", "25")
            #expect(try eventually { try tunnel.transfer()[key]?.sent ?? 0 > 0 })
            try fleet.tollkeeper("server", "sync", "host")
            try tunnel.configure()
            try fleet.tollkeeper("server", "sync", "host")
        }
    }
}

extension Fleet {
    /// What the controller says of its only meter.
    fileprivate func contested() throws -> String? {
        let text = try tollkeeper("server", "list")
        let servers = try JSONDecoder().decode(ServerList.self, from: Data(text.utf8)).servers
        return try #require(servers.first?.meters.first).contested
    }
}
