import Accounting
import Foundation
import HostFiles
import Meters
import TestSupport
import Testing

@testable import Agent

/// Containers laid out as Amnezia's, as the agent shows them.
@Suite(.serialized) struct ContainerTests {
    @Test func aContainersClientsAreShownByTheNamesOfItsTable() throws {
        let box = try TestContainer()
        defer { box.stop() }
        let (alice, bob) = (try KeyPair(), try KeyPair())
        let secret = try Command.run("wg", "genpsk").trimmingCharacters(in: .newlines)
        try box.add(alice, presharedKey: secret, address: "10.78.0.2")
        try box.add(bob, presharedKey: secret, address: "10.78.0.3")
        try box.write(
            """
            [{"clientId": "\(alice.publicKey)", "userData": {"clientName": "Alice\\u001b[2J"}},
             {"clientId": "\(bob.publicKey)", "userData": {"clientName": "\\u0007"}}]
            """, to: "opt/amnezia/awg/clientsTable")
        let report = try report([Container.find("amnezia-awg2", process: box.process)])
        #expect(report.faults == [])
        let meter = try #require(report.meters.first)
        #expect(meter.meter == "amneziawg/awg0@amnezia-awg2")
        #expect(meter.source == "userspace")
        #expect(meter.listen_port == 51820)
        let names = Dictionary(uniqueKeysWithValues: meter.keys.map { ($0.key, $0.name) })
        #expect(names == [alice.publicKey: "Alice[2J", bob.publicKey: nil])

        try box.write("not a table", to: "opt/amnezia/awg/clientsTable")
        let again = try self.report([Container.find("amnezia-awg2", process: box.process)])
        #expect(again.meters.first?.keys.compactMap(\.name) == [])
    }

    @Test func ofTwoContainersWithOneNameTheOlderIsMeteredAndTheOtherTold() throws {
        let (first, second) = (try TestContainer(), try TestContainer())
        defer {
            first.stop()
            second.stop()
        }
        let containers = try [first, second].map {
            try Container.find("twin", process: $0.process)
        }
        for order in [containers, containers.reversed()] {
            let sight = ContainerSight(
                containers: order.sorted { $0.startTicks < $1.startTicks })
            var discovery = try discovery(sight)
            let found = discovery.look()
            let oldest = try #require(containers.min { $0.startTicks < $1.startTicks })
            #expect(found.containers["twin"]?.startTicks == oldest.startTicks)
            #expect(found.meters.keys.map(\.description) == ["amneziawg/awg0@twin"])
            #expect(found.faults.map(\.place) == [.container("twin")])
        }
        // With names of their own both are metered, though their interfaces are called alike.
        let apart = try ContainerSight(containers: [
            .find("one", process: first.process), .find("two", process: second.process),
        ])
        var discovery = try discovery(apart)
        let found = discovery.look()
        #expect(found.faults.isEmpty)
        #expect(
            found.meters.keys.map(\.description).sorted() == [
                "amneziawg/awg0@one", "amneziawg/awg0@two",
            ])
    }

    @Test func aContainerThatVanishedBeforeItWasEnteredIsNoFaultYetNotKnownToBeGone() throws {
        let box = try TestContainer()
        let container = try Container.find("box", process: box.process)
        box.stop()
        var discovery = try discovery(ContainerSight(containers: [container]))
        let found = discovery.look()
        #expect(found.meters.isEmpty)
        #expect(found.faults.isEmpty)
        #expect(found.vanished == ["box"])
        discovery.note(ContainerSight())
        #expect(discovery.look().vanished.isEmpty)
    }

    @Test func aPausedContainerHidesNoOther() throws {
        let (paused, other) = (try TestContainer(), try TestContainer())
        defer {
            paused.pause(false)
            paused.stop()
            other.stop()
        }
        let sight = try ContainerSight(containers: [
            .find("paused", process: paused.process), .find("other", process: other.process),
        ])
        paused.pause(true)
        var discovery = try discovery(sight)
        let found = discovery.look()
        #expect(found.faults.isEmpty)
        let meter = try #require(
            found.meters.values.first { $0.name.description == "amneziawg/awg0@other" })
        #expect(try meter.read().peers.isEmpty)
    }

    @Test(
        "an edit never leaves its container",
        arguments: [
            "HOST", "../../../../../../../../HOST", "/../../HOST", "/proc/1/root/HOST",
            "/proc/self/root/HOST", "/proc/self/cwd/../../HOST", "/dev/null", "/opt/pipe",
        ])
    func escapes(_ target: String) throws {
        let outside = try TemporaryFolder()
        try outside.write("outside\n", to: "file")
        let box = try TestContainer()
        defer { box.stop() }
        try #require(mkfifo("\(box.root)/opt/pipe", 0o600) == 0)
        try box.link(
            box.file,
            to: target.replacingOccurrences(of: "HOST", with: outside.path.dropFirst() + "/file"))
        let meter = MeterName(kind: .amneziawg, device: "awg0", place: "box")
        var roots = ContainerRoots()
        let found = roots.root(of: try Container.find("box", process: box.process))
        let root = try #require(found)
        func edit() -> Bool {
            guard let place = ConfigurationPlace(of: meter, in: root),
                case .changed = try? FileEditor.edit(place.file, { $0 + Array("x".utf8) })
            else { return false }
            return true
        }
        #expect(!edit())
        let text = try String(contentsOfFile: "\(outside.path)/file", encoding: .utf8)
        #expect(text == "outside\n")
        // The same link does lead somewhere where it may.
        try box.write("", to: "opt/real")
        try box.link(box.file, to: "/../opt/real")
        #expect(edit())
        #expect(try box.text(of: "opt/real") == "x")
    }

    @Test func theRootOfAContainerThatEndedLeadsNowhere() throws {
        let box = try TestContainer()
        defer { box.stop() }
        let meter = MeterName(kind: .amneziawg, device: "awg0", place: "box")
        var roots = ContainerRoots()
        let old = try Container.find("box", process: box.process)
        let found = roots.root(of: old)
        let root = try #require(found)
        let place = try #require(ConfigurationPlace(of: meter, in: root))
        #expect("\(place.file)" == "/opt/amnezia/awg/awg0.conf in box")
        box.stop()
        try box.start()
        guard case .absent = try FileEditor.edit(place.file, { _ in [] }) else {
            Issue.record("another container's file was changed")
            return
        }
        #expect(ConfigurationPlace(of: meter, in: root) == nil)
        roots.keep(only: [])
        let late = roots.root(of: old)
        #expect(late == nil)
    }

    @Test func oneDaemonFoundInTwoContainersIsOneMeter() throws {
        let box = try TestContainer()
        defer { box.stop() }
        let container = try Container.find("a", process: box.process)
        let same = Container(name: "b", process: box.process, startTicks: container.startTicks)
        var discovery = try discovery(ContainerSight(containers: [container, same]))
        #expect(discovery.look().meters.keys.map(\.description) == ["amneziawg/awg0@a"])
    }

    /// The agent as its unit starts it, and as the drop-in does.
    @Test func withoutRightsTheContainerIsNamedAndWithThemItIsMetered() throws {
        let box = try TestContainer()
        let folder = try TemporaryFolder()
        let docker = try TestDocker(at: "\(folder.path)/docker.sock")
        defer {
            box.stop()
            docker.close()
        }
        docker.entries = [.init("vpn", process: box.process)]
        func run(_ command: String, _ wrapper: [String]) throws -> (Int32, String) {
            let job = try Job(
                wrapper + [
                    Command.built("tollkeeper-agent"), command, "--state-dir", folder.path,
                ],
                environment: [
                    "TOLLKEEPER_AGENT_DOCKER_SOCKET": docker.path,
                    "TOLLKEEPER_AGENT_NAMESPACES": "none",
                    "TOLLKEEPER_AGENT_WIREGUARD": "awg0",
                ])
            let status = job.wait(limit: 60) ?? -1
            return (status, job.output + job.errors)
        }
        let rights = try AgentRights.wrapper("containers.conf")
        func without(_ name: String) -> [String] {
            rights.map { $0.replacing(",+\(name)", with: "") }
        }
        let (status, seen) = try run("meters", rights)
        #expect(status == 0)
        #expect(seen.contains("amneziawg/awg0@vpn (userspace, port 51820), 0 keys"), "\(seen)")
        #expect(!seen.contains("not seen"))
        for less in [try AgentRights.wrapper(), without("sys_ptrace")] {
            let (_, output) = try run("meters", less)
            #expect(output.contains("the container vpn has awg0 and cannot"), "\(output)")
            #expect(output.contains("CAP_SYS_PTRACE is needed"))
            #expect(output.contains("docs/amnezia.md"))
            let (failed, advice) = try run("doctor", less)
            #expect(failed == 1)
            #expect(advice.contains("FAIL  containers: the container vpn has awg0"), "\(advice)")
        }
        let (_, half) = try run("meters", without("sys_admin"))
        #expect(half.contains("CAP_SYS_ADMIN is needed"), "\(half)")
    }

    @Test func whatTheSettingsLeaveOutIsNotCovered() {
        var options = AgentOptions()
        let inside = MeterName(kind: .amneziawg, device: "awg0", place: "box")
        #expect(options.covers(inside))
        options.namespaces = []
        #expect(!options.covers(inside), "it may be a namespace")
        #expect(options.covers(inside, containers: ["box"]))
        options.containers = ["box"]
        #expect(options.covers(inside))
        options.containers = ["other"]
        #expect(!options.covers(inside, containers: ["box"]))
        options.namespaces = ["box"]
        #expect(options.covers(inside))
    }

    @Test func settingsOfEveryDialectSurviveTheLedger() throws {
        let key = Key.publicKey(try #require(PublicKey([UInt8](repeating: 3, count: 32))))
        var settings = PeerSettings(key: key, keepalive: 25)
        settings.longestKeepalive = 30
        settings.advancedSecurity = true
        let bytes = try SettingsCodec.encode(settings)
        #expect(SettingsCodec.decode(bytes, of: key) == settings)
        let older = Array(#"{"addresses":[],"keepalive":25}"#.utf8)
        #expect(SettingsCodec.decode(older, of: key) == PeerSettings(key: key, keepalive: 25))
    }

    private func discovery(_ sight: ContainerSight) throws -> MeterDiscovery {
        var options = AgentOptions()
        options.wireguard = ["awg0"]
        options.namespaces = []
        var discovery = MeterDiscovery(clock: try HostClock.open(), options: options)
        discovery.note(sight)
        return discovery
    }

    private func report(_ containers: [Container]) throws -> MetersReport {
        var discovery = try discovery(ContainerSight(containers: containers))
        var names = InterfaceNames()
        return MetersReport(discovery.look(), names: &names, options: AgentOptions())
    }
}
