import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// A shut that is kept in the interface's configuration file.
    @Suite struct PersistTests {
        /// A tunnel with two clients whose file is written as people do, metered and joined.
        func start(
            settings: [String: String] = [:], head: String = ""
        ) throws -> (Tunnel, Fleet, Data) {
            try #require(geteuid() == 0, "namespaces need root")
            let tunnel = try Tunnel(clients: ["alice", "bob"])
            let fleet = try Fleet(tunnel, settings: settings)
            let text =
                tunnel.configuration.replacing("[Interface]", with: "[Interface]\r\n\(head)")
                .replacing("\nAllowedIPs = ", with: "\r\n\r\n  allowedips=")
            let before = Data(text.dropLast().utf8)
            try before.write(to: URL(filePath: fleet.configurationFile))
            try fleet.join()
            try fleet.startAgent()
            #expect(try eventually { try fleet.clients().count == 2 })
            return (tunnel, fleet, before)
        }

        func file(_ fleet: Fleet) throws -> Data {
            try Data(contentsOf: URL(filePath: fleet.configurationFile))
        }

        func stripped(_ fleet: Fleet) throws -> String {
            let text = try Command.run("wg-quick", "strip", fleet.configurationFile)
            // It keeps comments.
            return text.split(separator: "\n").filter { !$0.hasPrefix("#") }
                .joined(separator: "\n") + "\n"
        }

        func hasBlock(_ tunnel: Tunnel, _ name: String, _ fleet: Fleet) throws -> Bool {
            try stripped(fleet).contains(try tunnel.client(name).keys.publicKey)
        }

        func peers(_ tunnel: Tunnel) throws -> Set<String> {
            Set(
                try tunnel.namespace.run("wg", "show", tunnel.interface, "peers")
                    .split(separator: "\n").map(String.init))
        }

        func status(_ fleet: Fleet) throws -> String {
            try fleet.tollkeeperAgent("status", "--json").output
        }

        @Test func anObservedHostsFileIsNotWrittenNorWithPersistOff() throws {
            for settings in [["MODE": "observe"], ["PERSIST": "off"]] {
                let prefixed = Dictionary(
                    uniqueKeysWithValues: settings.map { ("TOLLKEEPER_AGENT_\($0)", $1) })
                let (_, fleet, before) = try start(settings: prefixed)
                _ = try fleet.attempt("client", "revoke", "alice", "--wait", "2s")
                _ = try fleet.attempt("client", "delete", "bob", "--yes")
                #expect(try file(fleet) == before)
            }
        }

        @Test func aShutPeerStaysOutOverARestartWithTheAgentStopped() throws {
            let (tunnel, fleet, before) = try start()
            let alice = try tunnel.client("alice")
            try fleet.tollkeeper("client", "revoke", "alice")
            #expect(try eventually { try !hasBlock(tunnel, "alice", fleet) })
            let shut = String(decoding: try file(fleet), as: UTF8.self)
            #expect(shut.contains("#  allowedips=\(alice.address)/32"))
            #expect(try status(fleet).contains("commented out \(alice.keys.publicKey) in"))
            fleet.stopAgent()

            try tunnel.restart(from: try stripped(fleet))
            #expect(try peers(tunnel) == [try tunnel.client("bob").keys.publicKey])
            #expect(try !alice.reachesServer())
            #expect(try eventually(within: 40) { try tunnel.client("bob").reachesServer() })

            try fleet.startAgent()
            #expect(try fleet.attempt("client", "restore", "alice", "--wait", "20s").status == 0)
            #expect(try eventually { try file(fleet) == before })
            #expect(try peers(tunnel).count == 2)
            #expect(try eventually(within: 40) { try alice.reachesServer() })
            #expect(try !status(fleet).contains("commented out"))
        }

        /// Somebody puts the old file back, as Amnezia's app does whenever it edits another client.
        @Test func aFileThatIsPutBackIsBroughtToTheSameAgain() throws {
            let (tunnel, fleet, before) = try start()
            try fleet.tollkeeper("client", "revoke", "alice")
            #expect(try eventually { try !hasBlock(tunnel, "alice", fleet) })
            try before.write(to: URL(filePath: fleet.configurationFile))
            #expect(try eventually { try !hasBlock(tunnel, "alice", fleet) })
            try fleet.tollkeeper("client", "restore", "alice")
            #expect(try eventually { try file(fleet) == before })
        }

        @Test func whoIsShutWhileTheInterfaceIsDownComesBackLater() throws {
            let (tunnel, fleet, before) = try start()
            let alice = try tunnel.client("alice")
            tunnel.killDaemon()
            #expect(try eventually { try !status(fleet).contains("\"source\"") })
            _ = try fleet.attempt("client", "revoke", "alice", "--wait", "5s")
            #expect(try eventually { try !hasBlock(tunnel, "alice", fleet) })
            try tunnel.restart(from: try stripped(fleet))
            #expect(try peers(tunnel).count == 1)
            #expect(try fleet.attempt("client", "restore", "alice", "--wait", "20s").status == 0)
            #expect(try peers(tunnel).contains(alice.keys.publicKey))
            #expect(try eventually { try file(fleet) == before })
        }

        @Test func aDeletedClientLeavesTheFileAndAmneziasTable() throws {
            let (tunnel, fleet, _) = try start()
            let names = try ["alice", "bob"].map { try tunnel.client($0).keys.publicKey }
            let entries = names.map { "    {\n        \"clientId\": \"\($0)\"\n    }" }
            let folder = URL(filePath: fleet.configurationFile).deletingLastPathComponent()
            let table = folder.appending(path: "clientsTable")
            try Data("[\n\(entries.joined(separator: ",\n"))\n]\n".utf8).write(to: table)
            try fleet.tollkeeper("client", "revoke", "alice")
            #expect(try eventually { try !hasBlock(tunnel, "alice", fleet) })
            // The app looks for the key, and would take out what stands round it.
            #expect(!String(decoding: try file(fleet), as: UTF8.self).contains(names[0]))
            try fleet.tollkeeper("client", "delete", "alice", "--yes")
            let left = "[\n\(entries[1])\n]\n"
            #expect(try eventually { try String(contentsOf: table, encoding: .utf8) == left })
            let text = String(decoding: try file(fleet), as: UTF8.self)
            #expect(!text.contains("Tollkeeper"))
            #expect(!text.contains("alice"))
            #expect(text.contains(names[1]))
        }

        @Test func releaseTakesEveryCommentBack() throws {
            let (tunnel, fleet, before) = try start()
            try fleet.tollkeeper("client", "revoke", "alice", "bob")
            #expect(try eventually { try !hasBlock(tunnel, "bob", fleet) })
            fleet.stopAgent()
            let release = try fleet.tollkeeperAgent("release")
            #expect(release.status == 0)
            let key = try tunnel.client("bob").keys.publicKey
            #expect(release.output.contains("uncommented: \(key)"))
            #expect(try file(fleet) == before)
            #expect(try peers(tunnel).isEmpty)
            #expect(try fleet.tollkeeperAgent("release", "--reopen").status == 0)
            #expect(try peers(tunnel).count == 2)
        }

        @Test func aFileThatCannotBeWrittenIsToldAndStopsNothing() throws {
            let (tunnel, fleet, before) = try start()
            let other = "\(fleet.folder.path)/other.conf"
            try FileManager.default.linkItem(atPath: fleet.configurationFile, toPath: other)
            try fleet.tollkeeper("client", "revoke", "alice")
            #expect(try !tunnel.client("alice").reachesServer())
            #expect(try eventually { try status(fleet).contains("it has 2 names") })
            let doctor = try fleet.tollkeeperAgent("doctor")
            #expect(doctor.status == 1)
            #expect(doctor.output.contains("it has 2 names"))
            #expect(try file(fleet) == before)
            try FileManager.default.removeItem(atPath: other)
            #expect(try eventually { try !hasBlock(tunnel, "alice", fleet) })
            #expect(try eventually { try !status(fleet).contains("it has 2 names") })
        }

        @Test func whatSaveConfigDoesIsSaid() throws {
            let (tunnel, fleet, _) = try start(head: "SaveConfig = true\r\n")
            try fleet.tollkeeper("client", "revoke", "alice")
            #expect(try eventually { try !hasBlock(tunnel, "alice", fleet) })
            #expect(try eventually { try status(fleet).contains("SaveConfig = true") })
            // As wg-quick does when the interface goes down.
            let saved = try tunnel.namespace.run("wg", "showconf", tunnel.interface)
            try Data(saved.utf8).write(to: URL(filePath: fleet.configurationFile))
            #expect(try fleet.attempt("client", "restore", "alice", "--wait", "20s").status == 0)
            #expect(try peers(tunnel).count == 2)
        }

        /// One script appends, another rewrites the file as editors do, and clients are shut and
        /// opened all the while: every peer that was added is there.
        @Test func editsOfOthersAreNeverLost() throws {
            let (tunnel, fleet, before) = try start(
                settings: ["TOLLKEEPER_AGENT_READ_INTERVAL": "100ms"])
            let path = fleet.configurationFile
            let lock = "exec 9>\(fleet.folder.path)/editors; flock 9;"
            let add =
                "printf '\\n[Peer]\\n# %s\\nPublicKey = %s\\n' $who$i $(wg genkey | wg pubkey)"
            let appending = "(\(lock) \(add) >> \(path))"
            let renaming = "(\(lock) cp \(path) \(path)~; \(add) >> \(path)~; mv \(path)~ \(path))"
            let scripts = try [("a", appending), ("b", renaming)].map { name, edit in
                try Job(["bash", "-c", "who=\(name); for i in $(seq 150); do \(edit); done"])
            }
            for _ in 0..<12 {
                _ = try fleet.attempt("client", "revoke", "alice", "--wait", "1s")
                _ = try fleet.attempt("client", "restore", "alice", "--wait", "1s")
            }
            for script in scripts { #expect(script.wait(limit: 300) == 0) }
            try fleet.tollkeeper("client", "restore", "alice")
            #expect(
                try eventually(within: 30) {
                    try hasBlock(tunnel, "alice", fleet)
                        && !String(decoding: file(fleet), as: UTF8.self).contains("Tollkeeper")
                })
            let text = String(decoding: try file(fleet), as: UTF8.self)
            #expect(text.hasPrefix(String(decoding: before, as: UTF8.self)))
            for who in ["a", "b"] {
                for number in 1...150 {
                    #expect(text.components(separatedBy: "# \(who)\(number)\n").count == 2)
                }
            }
        }
    }
}
