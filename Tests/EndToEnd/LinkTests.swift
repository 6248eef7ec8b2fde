import API
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct LinkTests {
        @Test func aFleetOverTLSTrustsThePinnedKeyAlone() throws {
            try #require(geteuid() == 0, "namespaces need root")
            let tunnel = try Tunnel(clients: ["alice"])
            let fleet = try Fleet(tunnel, listen: "0.0.0.0")
            try fleet.join()
            try fleet.startAgent()
            #expect(try eventually { try fleet.clients().count == 1 })
            try tunnel.client("alice").ping(count: 5)
            try fleet.tollkeeper("client", "revoke", "alice")
            #expect(try eventually { try fleet.clients()["alice"]?.status == .disabled })

            // Somebody else's key in the controller's place: nothing is told to it.
            fleet.stopAgent()
            fleet.killController()
            for name in try FileManager.default.contentsOfDirectory(atPath: fleet.controllerFolder)
            where name.contains("tls") || name.hasSuffix(".pem") {
                try FileManager.default.removeItem(atPath: "\(fleet.controllerFolder)/\(name)")
            }
            try fleet.startController()
            let doctor = try fleet.tollkeeperAgent("doctor")
            #expect(doctor.status == 1)
            #expect(doctor.output.contains("FAIL  controller"))
        }

        @Test func statusAndDoctorTellHowItIs() throws {
            try #require(geteuid() == 0, "namespaces need root")
            let tunnel = try Tunnel(clients: ["alice"])
            let fleet = try Fleet(tunnel)
            #expect(try fleet.tollkeeperAgent("status").status == 1)
            #expect(try fleet.tollkeeperAgent("doctor").status == 1)
            try fleet.join()
            try fleet.startAgent()
            #expect(try eventually { try fleet.clients().count == 1 })
            let status = try fleet.tollkeeperAgent("status")
            #expect(status.status == 0)
            #expect(status.output.contains("wireguard/\(tunnel.interface)"))
            #expect(try fleet.tollkeeperAgent("doctor").status == 0)
            let meters = try fleet.tollkeeperAgent("meters")
            #expect(meters.output.contains("alice"))
            let secret = try String(
                contentsOfFile: "\(fleet.agentFolder)/identity.json", encoding: .utf8)
            #expect(secret.contains("secret"))
            let logs = (fleet.agent?.errors ?? "") + fleet.controller.errors
            let alice = try tunnel.client("alice")
            #expect(!logs.contains(alice.presharedKey))
            #expect(!logs.contains(tunnel.keys.privateKey))
        }

        @Test func badInputIsRefusedInOneSentence() throws {
            try #require(geteuid() == 0, "namespaces need root")
            let tunnel = try Tunnel(clients: ["alice"])
            let fleet = try Fleet(tunnel)
            let unknown = try fleet.tollkeeperAgent(
                "run", environment: ["TOLLKEEPER_AGENT_REED_INTERVAL": "1s"])
            #expect(unknown.status != 0)
            #expect(unknown.errors.contains("READ_INTERVAL"))
            let wrong = try fleet.tollkeeperAgent(
                "run", environment: ["TOLLKEEPER_AGENT_READ_INTERVAL": "soon"])
            #expect(wrong.errors.contains("10s"))
            let unjoined = try fleet.tollkeeperAgent("run")
            #expect(unjoined.status != 0)
            #expect(unjoined.errors.contains("server add"))
            let token = try fleet.tollkeeperAgent(
                "join", "http://\(fleet.address)",
                environment: ["TOLLKEEPER_AGENT_TOKEN": "nonsense"])
            #expect(token.status != 0)
            #expect(token.errors.contains("server add"))
            let unknownToken = "tk1." + String(repeating: "A", count: 43) + "."
            let refused = try fleet.tollkeeperAgent(
                "join", "http://\(fleet.address)",
                environment: ["TOLLKEEPER_AGENT_TOKEN": unknownToken])
            #expect(refused.status != 0)
            #expect(!FileManager.default.fileExists(atPath: "\(fleet.agentFolder)/identity.json"))
            #expect(try fleet.attempt("client", "show", "nobody").status == 2)
            #expect(try fleet.attempt("client", "fly", "nobody").status == 64)
            #expect(try fleet.attempt("server", "add", "").status != 0)
        }

        @Test func aTokenIsForOneHost() throws {
            try #require(geteuid() == 0, "namespaces need root")
            let tunnel = try Tunnel(clients: ["alice"])
            let fleet = try Fleet(tunnel)
            struct Added: Decodable { var token: String }
            let text = try fleet.tollkeeper("server", "add", "host")
            let token = try JSONDecoder().decode(Added.self, from: Data(text.utf8)).token
            let environment = ["TOLLKEEPER_AGENT_TOKEN": token]
            let url = "http://\(fleet.address)"
            let first = try fleet.tollkeeperAgent("join", url, environment: environment)
            #expect(first.status == 0, "\(first.errors)")
            // The same host again, as after a lost answer: the same identity.
            let again = try fleet.tollkeeperAgent("join", url, environment: environment)
            #expect(again.status == 0, "\(again.errors)")
            // Another host with the same token is refused.
            try FileManager.default.removeItem(atPath: fleet.agentFolder)
            let other = try fleet.tollkeeperAgent("join", url, environment: environment)
            #expect(other.status != 0)
        }
    }
}
