import API
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// A client in a container laid out as Amnezia's, from the first byte to a restart.
    @Suite struct ContainerTests {
        @Test func aClientInAContainerIsCountedShutOverARestartAndOpenedAgain() throws {
            try #require(geteuid() == 0, "namespaces need root")
            let box = try TestContainer()
            let alice = try ContainerClient(of: box)
            let tunnel = try Tunnel(clients: [])
            let folder = try TemporaryFolder()
            let docker = try TestDocker(at: "\(folder.path)/docker.sock")
            defer {
                alice.close()
                box.stop()
                docker.close()
            }
            docker.entries = [.init("amnezia-awg2", process: box.process)]
            try box.write(
                """
                [{"clientId": "\(alice.keys.publicKey)", "userData": {"clientName": "alice"}}]
                """, to: "opt/amnezia/awg/clientsTable")
            let fleet = try Fleet(
                tunnel,
                settings: [
                    "TOLLKEEPER_AGENT_WIREGUARD": "awg0",
                    "TOLLKEEPER_AGENT_NAMESPACES": "none",
                    "TOLLKEEPER_AGENT_DOCKER_SOCKET": docker.path,
                ])
            try fleet.join()
            try fleet.startAgent()
            #expect(try eventually { try fleet.clients()["alice"] != nil })
            #expect(try fleet.credentials().map(\.meter) == ["amneziawg/awg0@amnezia-awg2"])
            #expect(try alice.ping(count: 20) == 20)
            #expect(
                try eventually {
                    let shown = try box.transfer()[alice.keys.publicKey]
                    return try fleet.totals()[alice.keys.publicKey]
                        == shown.map {
                            Total(sent: Int64($0.received), received: Int64($0.sent))
                        }
                })

            try fleet.tollkeeper("client", "revoke", "alice")
            #expect(try alice.ping(count: 1, limit: 2) == 0)
            // The configuration in the container still has the peer: a restart brings it back.
            box.stop()
            try box.start()
            try alice.join(box, 2)
            docker.entries = [.init("amnezia-awg2", process: box.process, number: 2)]
            #expect(try eventually(within: 20) { try box.transfer().isEmpty })
            #expect(try alice.ping(count: 1, limit: 2) == 0)

            try fleet.tollkeeper("client", "restore", "alice")
            #expect(try eventually(within: 30) { try alice.ping(count: 1, limit: 2) == 1 })
        }
    }
}
