import Accounting
import Foundation
import TestSupport
import Testing

@testable import Meters

/// wireguard-go in a container laid out as Amnezia's, and files that want to be elsewhere.
@Suite(.serialized) struct ContainerTests {
    @Test func aReadingEqualsWhatWgShowsAndAPeerGoesAndComesBack() throws {
        let box = try TestContainer()
        defer { box.stop() }
        let alice = try ContainerClient(of: box)
        defer { alice.close() }
        #expect(try alice.ping(count: 20) == 20)
        let container = try Container.find("amnezia-awg2", process: box.process)
        let discovery = UserspaceDiscovery(in: container)
        #expect(discovery.found.map(\.name.description) == ["amneziawg/awg0@amnezia-awg2"])
        #expect(discovery.faults.isEmpty)
        let found = try #require(discovery.found.first)
        let meter = UserspaceDevice(name: found.name, socket: found.socket, now: Moment.now)
        let reading = try quiet(meter, box)
        let counter = try #require(reading.reading.counters.first)
        let shown = try #require(try box.transfer()[alice.keys.publicKey])
        #expect(counter.value == Traffic(uplink: shown.received, downlink: shown.sent))
        #expect(counter.value.uplink > 10_000)
        #expect(counter.incarnation.token.contains(":\(box.process):"))

        let saved = reading.peers
        #expect(saved.map { $0.presharedKey?.base64 } == [alice.presharedKey])
        _ = try meter.remove(saved.map(\.key))
        #expect(try alice.ping(count: 1, limit: 2) == 0)
        try meter.restore(saved)
        #expect(try meter.read().peers.map { $0.presharedKey?.base64 } == [alice.presharedKey])
        #expect(try eventually(within: 30) { try alice.ping(count: 1, limit: 2) == 1 })
    }

    @Test func aRestartIsAnotherIncarnationAndTheOldContainerIsGone() throws {
        let box = try TestContainer()
        defer { box.stop() }
        let keys = try KeyPair()
        let secret = try Command.run("wg", "genpsk").trimmingCharacters(in: .newlines)
        try box.add(keys, presharedKey: secret, address: "10.78.0.9")
        let old = try Container.find("box", process: box.process)
        let socket = "/var/run/amneziawg/awg0.sock"
        func reading(_ container: Container) throws -> Reading {
            try UserspaceDevice(
                name: MeterName(kind: .amneziawg, device: "awg0", place: "box"),
                socket: FilePlace(socket, in: container), now: Moment.now
            ).read().reading
        }
        let before = try reading(old)
        box.stop()
        #expect(!old.isRunning)
        #expect { try reading(old) } throws: { ($0 as? MeterError)?.code == .absent }
        #expect(UserspaceDiscovery(in: old).found.isEmpty)
        #expect(UserspaceDiscovery(in: old).faults.isEmpty)
        try box.start()
        let after = try reading(try Container.find("box", process: box.process))
        #expect(after.counters.map(\.key) == before.counters.map(\.key))
        #expect(after.counters.map(\.incarnation) != before.counters.map(\.incarnation))
    }

    @Test func aNumberThatIsAnotherProcesssByNowIsNotEntered() throws {
        let box = try TestContainer()
        defer { box.stop() }
        let container = try Container.find("box", process: box.process)
        _ = try container.enter()
        let impostor = Container(
            name: "box", process: box.process, startTicks: container.startTicks - 1)
        #expect { try impostor.enter() } throws: { ($0 as? MeterError)?.code == .absent }
        #expect(!impostor.isRunning)
    }

    @Test(
        "a link never leads out of its container",
        arguments: [
            "HOST", "../../../../../../../../HOST", "/../../HOST", "/proc/1/root/HOST",
            "/proc/self/root/HOST", "/proc/self/cwd/../../HOST", "/opt/loop/file",
        ])
    func links(_ target: String) throws {
        let outside = try TemporaryFolder()
        try outside.write("[{\"clientId\": \"outside\"}]", to: "file")
        let box = try TestContainer()
        defer { box.stop() }
        try box.link("opt/loop", to: "/opt/loop")
        try box.link(
            "opt/amnezia/awg/clientsTable",
            to: target.replacingOccurrences(of: "HOST", with: outside.path.dropFirst() + "/file"))
        let container = try Container.find("box", process: box.process)
        let file = ClientsTable.file(in: "/opt/amnezia/awg", of: container)
        let outcome = Result { try file.current() }
        switch outcome {
        case .success(let table): #expect(table == nil)
        case .failure(let error): #expect((error as? MeterError)?.code == .failed)
        }
        // The same link does lead somewhere where it may.
        try box.write("[]", to: "opt/amnezia/awg/real")
        try box.link("opt/amnezia/awg/clientsTable", to: "/../opt/amnezia/awg/real")
        #expect(try file.current()?.names.isEmpty == true)
    }

    @Test func whatIsNoFileIsNeitherOpenedNorWaitedFor() throws {
        let box = try TestContainer()
        defer { box.stop() }
        let container = try Container.find("box", process: box.process)
        let file = ClientsTable.file(in: "/opt/amnezia/awg", of: container)
        let path = "\(box.root)/opt/amnezia/awg/clientsTable"
        try #require(mkfifo(path, 0o600) == 0)
        #expect { try file.current() } throws: { ($0 as? MeterError)?.code == .failed }
        unlink(path)
        try #require(mkdir(path, 0o700) == 0)
        #expect { try file.current() } throws: { ($0 as? MeterError)?.code == .failed }
        rmdir(path)
        try box.link("opt/amnezia/awg/clientsTable", to: "/dev/zero")
        #expect { try file.current() } throws: { ($0 as? MeterError)?.code == .failed }
    }

    @Test func aDaemonThatHangsIsWaitedForOnlyOnceInFull() throws {
        let box = try TestContainer()
        defer {
            box.pause(false)
            box.stop()
        }
        let container = try Container.find("box", process: box.process)
        let meter = UserspaceDevice(
            name: MeterName(kind: .amneziawg, device: "awg0", place: "box"),
            socket: FilePlace("/run/amneziawg/awg0.sock", in: container), timeout: .seconds(20),
            now: Moment.now)
        #expect(try meter.read().peers.isEmpty)
        box.pause(true)
        func takes() -> Duration {
            ContinuousClock().measure {
                #expect { try meter.read() } throws: { "\($0)".contains("did not answer in time") }
            }
        }
        #expect(takes() >= .seconds(20))
        #expect(takes() < .seconds(15))
        box.pause(false)
        #expect(eventually { (try? meter.read()) != nil })
    }

    @Test func anyNumberOfSocketsIsRefusedAndNamesThatCannotBeAreTold() throws {
        let box = try TestContainer()
        defer { box.stop() }
        let container = try Container.find("box", process: box.process)
        try box.write("", to: "run/amneziawg/plain.sock")
        let odd = try TestDocker(at: "\(box.root)/run/amneziawg/a@b.sock")
        let discovery = UserspaceDiscovery(in: container)
        #expect(discovery.found.map(\.name.device) == ["awg0"])
        #expect(discovery.faults.count == 1)
        odd.close()
        let rude = try TestDocker(at: "\(box.root)/run/amneziawg/a\u{1b}[2J.sock")
        let told = UserspaceDiscovery(in: container).faults.map { "\($0)" }
        #expect(told.count == 1)
        #expect(told.first?.contains("a?[2J.sock") == true)
        rude.close()
        for number in 0...UserspaceDiscovery.mostSockets {
            try box.write("", to: "run/amneziawg/\(number).sock")
        }
        let many = UserspaceDiscovery(in: container)
        #expect(many.found.isEmpty)
        #expect(many.faults.contains { $0.reason.contains("more than") })
    }

    /// A reading while nothing moves.
    private func quiet(_ meter: UserspaceDevice, _ box: TestContainer) throws -> MeterReading {
        var last = try meter.read()
        _ = try eventually {
            usleep(200_000)
            let next = try meter.read()
            defer { last = next }
            return next.reading.counters.map(\.value) == last.reading.counters.map(\.value)
        }
        return last
    }
}

@Suite struct ControlGroupTests {
    static let id = String(repeating: "3f", count: 32)

    @Test(arguments: [
        "", "0", "0::", "0::/", "0::/system.slice/docker.service", "0::/docker/short",
        "0::/system.slice/docker-\(id.dropLast()).scope", "0::/docker/\(id.uppercased())",
        "0::/system.slice/libpod-conmon-\(id).scope", "0::/user.slice/user-1000.slice",
        "0::/lxc/..\u{7}", "0::/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", "\(id)",
        "0::/machine.slice/machine-vpn.scope/supervisor",
        "0::/lxc.payload.", "1:name=systemd:/", "0::/init.scope\n1:cpu:/",
    ])
    func whatIsNoContainerIsNone(_ text: String) {
        #expect(ControlGroups.container(in: text) == nil)
    }

    @Test(arguments: [
        ("0::/system.slice/docker-\(id).scope", ControlGroups.Engine.docker, id),
        ("0::/docker/\(id)", .docker, id),
        ("12:cpu:/docker/\(id)\n0::/", .docker, id),
        ("0::/docker/\(String(repeating: "0", count: 64))/docker/\(id)/init", .docker, id),
        ("0::/machine.slice/libpod-\(id).scope/container", .podman, id),
        ("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-\(id).scope", .kubernetes, id),
        ("0::/kubepods/besteffort/pod1/\(id)", .kubernetes, id),
        ("0::/lxc.payload.vpn/system.slice", .lxc, "vpn"),
        ("2:cpu:/lxc/vpn", .lxc, "vpn"),
        ("0::/machine.slice/machine-vpn.scope/payload", .systemd, "vpn"),
        ("0::/machine.slice/machine-vpn\\x2d1.scope/payload", .systemd, "vpn-1"),
    ])
    func aContainerIsTold(_ text: String, _ engine: ControlGroups.Engine, _ id: String) {
        let found = ControlGroups.container(in: text)
        #expect(found?.engine == engine)
        #expect(found?.id == id)
    }

    @Test func whatLooksLikeATunnelIsSeenWithoutRights() {
        let interfaces = """
            Inter-|   Receive
             face |bytes
                lo:   1  2
              awg0:   1  2
             eth0: 1 2
             tunl0: 1 2
            """
        #expect(Container.interfaces(in: interfaces) == ["awg0"])
        #expect(Container.interfaces(in: "").isEmpty)
        let sockets = """
            Num RefCount Protocol Flags Type St Inode Path
            0: 1 0 0 1 3 77 /run/other.sock
            0: 1 0 0 1 1 78 /var/run/amneziawg/awg0.sock
            0: 1 0 0 1 1 79 /run/wireguard/wg1.sock
            """
        #expect(Container.controlSockets(in: sockets) == ["awg0", "wg1"])
    }
}
