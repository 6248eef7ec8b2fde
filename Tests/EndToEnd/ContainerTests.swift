import API
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Clients in a container laid out as Amnezia's, from the first byte to a restart.
    @Suite struct ContainerTests {
        let box: TestContainer
        let docker: TestDocker
        let fleet: Fleet
        let folder: TemporaryFolder
        let name = "amnezia-awg2"

        init() throws {
            try #require(geteuid() == 0, "namespaces need root")
            box = try TestContainer()
            folder = try TemporaryFolder()
            docker = try TestDocker(at: "\(folder.path)/docker.sock")
            fleet = try Fleet(
                Tunnel(clients: []),
                settings: [
                    "TOLLKEEPER_AGENT_WIREGUARD": "awg0",
                    "TOLLKEEPER_AGENT_NAMESPACES": "none",
                    "TOLLKEEPER_AGENT_CONTAINERS": name,
                    "TOLLKEEPER_AGENT_DOCKER_SOCKET": docker.path,
                ])
            docker.entries = [.init(name, process: box.process)]
        }

        func stop() {
            fleet.stopAgent()
            box.stop()
            docker.close()
        }

        /// Writes Amnezia's table, joins, and waits until all of its clients are known.
        func join(_ clients: [(name: String, key: String)]) throws {
            let entries = clients.map {
                "{\"clientId\": \"\($0.key)\", \"userData\": {\"clientName\": \"\($0.name)\"}}"
            }
            try box.write(
                "[\n    \(entries.joined(separator: ",\n    "))\n]\n",
                to: "opt/amnezia/awg/clientsTable")
            try fleet.join()
            try startAgent()
            let names = Set(clients.map(\.name))
            #expect(try eventually { try Set(fleet.clients().keys) == names })
        }

        /// Starts the agent with the rights that the drop-in gives it.
        func startAgent() throws {
            try fleet.startAgent(through: AgentRights.wrapper("containers.conf"))
        }

        func restart(number: Int) throws {
            box.stop()
            try box.start()
            docker.entries = [.init(name, process: box.process, number: number)]
        }

        @Test func aClientInAContainerIsCountedShutOverARestartAndOpenedAgain() throws {
            let alice = try ContainerClient(of: box)
            defer {
                alice.close()
                stop()
            }
            try join([("alice", alice.keys.publicKey)])
            #expect(try fleet.credentials().map(\.meter) == ["amneziawg/awg0@\(name)"])
            #expect(try alice.ping(count: 20) == 20)
            #expect(
                try eventually {
                    let shown = try box.transfer()[alice.keys.publicKey]
                    return try fleet.totals()[alice.keys.publicKey]
                        == shown.map {
                            Total(sent: Int64($0.received), received: Int64($0.sent))
                        }
                })

            let before = try box.text(of: box.file)
            try fleet.tollkeeper("client", "revoke", "alice")
            #expect(try alice.ping(count: 1, limit: 2) == 0)
            #expect(try eventually { try box.text(of: box.file) != before })
            // As when somebody puts the old file back: a restart brings the peer up again.
            fleet.killAgent()
            try box.write(before, to: box.file)
            try restart(number: 2)
            #expect(try box.transfer().count == 1)
            try startAgent()
            try alice.join(box, 2)
            #expect(try eventually(within: 20) { try box.transfer().isEmpty })
            #expect(try alice.ping(count: 1, limit: 2) == 0)

            try fleet.tollkeeper("client", "restore", "alice")
            #expect(try eventually(within: 30) { try alice.ping(count: 1, limit: 2) == 1 })
            #expect(try eventually { try box.text(of: box.file) == before })
        }

        @Test func aShutIsKeptInTheContainersOwnFile() throws {
            defer { stop() }
            let keys = try addPeople()
            let before = try box.text(of: box.file)
            try fleet.tollkeeper("client", "revoke", "alice")
            #expect(try eventually { try box.text(of: box.file).contains("#Tollkeeper = shut") })
            // The app looks for the key, and would take out what stands round it.
            #expect(try !box.text(of: box.file).contains(keys[0]))
            #expect(try box.text(of: box.file).contains("AllowedIPs = 10.78.0.2/32"))
            let status = try fleet.tollkeeperAgent("status", "--json").output
            let place = "/\(box.file) in \(name)".replacing("/", with: "\\/")
            #expect(
                status.contains("commented out \(keys[0].replacing("/", with: "\\/")) in \(place)")
                    || status.contains("commented out \(keys[0]) in /\(box.file) in \(name)"))
            fleet.stopAgent()
            try restart(number: 2)
            #expect(try Set(box.transfer().keys) == [keys[1]], "alice is out without the agent")

            try startAgent()
            #expect(try fleet.attempt("client", "restore", "alice", "--wait", "20s").status == 0)
            #expect(try Set(box.transfer().keys) == Set(keys))
            #expect(try eventually { try box.text(of: box.file) == before })
        }

        @Test func aDeletedClientLeavesTheContainersFileAndTable() throws {
            defer { stop() }
            let keys = try addPeople()
            try fleet.tollkeeper("client", "delete", "bob", "--yes")
            #expect(try eventually { try !box.text(of: box.file).contains(keys[1]) })
            let table = "opt/amnezia/awg/clientsTable"
            #expect(try eventually { try !box.text(of: table).contains(keys[1]) })
            #expect(try box.text(of: table).contains(keys[0]))
            #expect(try box.text(of: box.file).contains(keys[0]))
            #expect(try Set(box.transfer().keys) == [keys[0]])
        }

        @Test func releaseWaitsForAContainerThatDoesNotRun() throws {
            defer { stop() }
            _ = try addPeople()
            let before = try box.text(of: box.file)
            try fleet.tollkeeper("client", "revoke", "alice")
            #expect(try eventually { try box.text(of: box.file) != before })
            fleet.stopAgent()
            box.stop()
            docker.entries = []
            let refused = try fleet.tollkeeperAgent("release")
            #expect(refused.status == 1)
            #expect(refused.output.contains("start it, and release again"), "\(refused.output)")
            try restart(number: 2)
            let release = try fleet.tollkeeperAgent("release")
            #expect(release.status == 0, "\(release.output)")
            #expect(try box.text(of: box.file) == before)
        }

        /// Adds alice and bob, whose keys are returned, and waits until they are known.
        func addPeople() throws -> [String] {
            let pairs = [try KeyPair(), try KeyPair()]
            let secret = try Command.run("wg", "genpsk").trimmingCharacters(in: .newlines)
            for (number, pair) in pairs.enumerated() {
                try box.add(pair, presharedKey: secret, address: "10.78.0.\(number + 2)")
            }
            try join([("alice", pairs[0].publicKey), ("bob", pairs[1].publicKey)])
            return pairs.map(\.publicKey)
        }
    }
}
