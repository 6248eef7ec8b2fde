import Accounting
import Foundation
import Netlink
import TestSupport
import Testing

@testable import Meters

extension KernelChecks {
    /// A kernel device in a network namespace that only a process holds, as a container's is.
    @Suite struct ContainerChecks {
        @Test func aContainersDeviceIsFoundReadAndBlockedThroughItsProcess() throws {
            let box = try Box()
            defer { box.stop() }
            let key = try KernelLab.key(1)
            try box.enter("wg set wg0 peer \(key.base64) allowed-ips 10.9.0.1/32")
            var devices = KernelDevices(clock: try HostClock.open())
            let device = try #require(try box.find(&devices))
            #expect(device.name.description == "\(KernelLab.kind)/wg0@box")
            let settings = try device.read().peers
            #expect(settings.map(\.key) == [.publicKey(key)])
            try device.block([.publicKey(key)])
            #expect(try box.enter("wg show wg0 allowed-ips").contains("(none)"))
            try device.restore(settings)
            #expect(try box.enter("wg show wg0 allowed-ips").contains("10.9.0.1/32"))
            #expect(try box.find(&devices) === device)
        }

        @Test func aRestartWithTheSameIndexIsAnotherIncarnation() throws {
            let first = try Box()
            var devices = KernelDevices(clock: try HostClock.open())
            let before = try #require(try first.find(&devices))
            first.stop()
            let second = try Box()
            defer { second.stop() }
            let after = try #require(try second.find(&devices))
            #expect(after.name == before.name)
            #expect(after.index == before.index)
            #expect(after.incarnation != before.incarnation)
        }

        @Test func everyByteOfTwoLivesWithOneIndexIsCharged() throws {
            let client = try BoxClient()
            var devices = KernelDevices(clock: try HostClock.open())
            var known = MeterBaselines()
            var booked = Traffic.zero
            func book(_ box: Box) throws -> Traffic {
                let device = try #require(try box.find(&devices))
                let (reading, truth) = try box.quietReading(device, of: client)
                let difference = Differ.difference(
                    from: known, to: reading, confirming: reading, beganAfterDiscovery: true)
                known.apply(difference)
                for delta in difference.deltas {
                    #expect(delta.kind == .gained)
                    booked.uplink += delta.amount.uplink
                    booked.downlink += delta.amount.downlink
                }
                return truth
            }
            let first = try Box()
            let index = try first.find(&devices)?.index
            try client.join(first)
            #expect(try client.exchanges(5, with: first))
            let before = try book(first)
            #expect(booked == before && before.uplink > 5_000)
            first.stop()

            // It passes its old counters before it is read again.
            let second = try Box()
            defer { second.stop() }
            let again = try second.find(&devices)?.index
            #expect(index != nil && again == index)
            try client.join(second)
            #expect(try client.exchanges(20, with: second))
            let after = try book(second)
            #expect(after.isAtLeast(before))
            #expect(booked.uplink == before.uplink + after.uplink)
            #expect(booked.downlink == before.downlink + after.downlink)
        }

        @Test func aNamespaceThatHasANameTooIsOneMeter() throws {
            let box = try Box()
            defer { box.stop() }
            try KernelLab.sh("ip netns attach twice \(box.container.process)")
            defer { _ = try? KernelLab.attempt("ip netns delete twice") }
            var devices = KernelDevices(clock: try HostClock.open())
            let process = try box.container.enter()
            let found = devices.discover(
                named: [("box", process.networkNamespace)] + NetworkNamespace.named())
            #expect(
                found.devices.map(\.name.description).filter { $0.contains("wg0") } == [
                    "\(KernelLab.kind)/wg0@box"
                ])
        }
    }
}

/// A process with a network namespace of its own and an interface in it.
private final class Box {
    let container: Container
    private let job: Job

    init() throws {
        // Not by `KernelLab.sh`, which would wait for its end.
        job = try Job(["unshare", "-n", "sleep", "600"])
        let process = job.pid
        let isApart = eventually(within: 20) { Self.isApart(process) }
        try #require(isApart, "unshare made no namespace: \(job.errors)")
        container = try Container.find("box", process: process)
        try enter("ip link add wg0 type \(KernelLab.kind)")
    }

    deinit { stop() }

    func stop() {
        job.signal(SIGKILL)
        job.wait(limit: 10)
    }

    private static func isApart(_ process: Int32) -> Bool {
        guard let here = try? NetworkNamespace.current.identity(),
            let there = try? NetworkNamespace.process(process).identity()
        else { return false }
        return here != there
    }

    @discardableResult
    func enter(_ script: String) throws -> String {
        try KernelLab.sh("nsenter --net=/proc/\(container.process)/ns/net \(script)")
    }

    /// A reading while nothing moves, and what `wg` shows of the client then.
    func quietReading(
        _ device: KernelDevice, of client: BoxClient
    ) throws -> (Reading, Traffic) {
        func shown() throws -> Traffic {
            let fields = try enter("wg show wg0 transfer").split(whereSeparator: \.isWhitespace)
            try #require(fields.count == 3 && fields[0] == client.key)
            return Traffic(
                uplink: try #require(UInt64(fields[1])), downlink: try #require(UInt64(fields[2])))
        }
        for _ in 0..<50 {
            let before = try shown()
            let reading = try device.read().reading
            if try shown() == before { return (reading, before) }
        }
        throw KernelTunnel.NeverQuiet()
    }

    /// The device, as the agent finds it.
    func find(_ devices: inout KernelDevices) throws -> KernelDevice? {
        let process = try container.enter()
        return devices.discover(named: [("box", process.networkNamespace)]).devices.first {
            $0.name.place == "box"
        }
    }
}

/// A client in a namespace of its own, which joins one box after the other by a veth pair.
private final class BoxClient {
    let key: String
    private let keys: [String]
    private let place = "c-box"

    init() throws {
        keys = try KernelTunnel.keys.get()
        key = keys[0]
        try KernelLab.sh(
            """
            ip netns add \(place)
            ip -n \(place) link add wg0 type \(KernelLab.kind)
            ip -n \(place) address add 10.9.0.2/24 dev wg0
            cd /tmp; nsenter --net=/run/netns/\(place) wg set wg0 private-key client.key \
                peer \(keys[2]) preshared-key shared.key \
                endpoint 192.168.9.1:51820 allowed-ips 10.9.0.1/32
            """)
    }

    deinit { _ = try? KernelLab.attempt("ip netns delete \(place)") }

    /// Sets the box's interface up, as its start script would, and connects. What an earlier box
    /// left of the session goes: the client starts anew.
    func join(_ box: Box) throws {
        let process = box.container.process
        _ = try KernelLab.attempt("ip -n \(place) link delete v")
        try KernelLab.sh(
            """
            ip -n \(place) link add v type veth peer name v netns \(process)
            ip -n \(place) address add 192.168.9.2/24 dev v
            ip -n \(place) link set v up
            ip -n \(place) link set wg0 down
            ip -n \(place) link set wg0 up
            inside() { nsenter --net=/proc/\(process)/ns/net "$@"; }
            inside /usr/sbin/ip address add 192.168.9.1/24 dev v
            inside /usr/sbin/ip address add 10.9.0.1/24 dev wg0
            inside /usr/sbin/ip link set v up
            inside /usr/sbin/ip link set wg0 up
            cd /tmp; inside wg set wg0 private-key server.key listen-port 51820 \
                peer \(key) preshared-key shared.key allowed-ips 10.9.0.2/32
            """)
    }

    /// Whether packets get through to the box at last, and then `count` of them there and back.
    func exchanges(_ count: Int, with box: Box) throws -> Bool {
        let here = try Datagrams(
            in: .process(box.container.process), address: "10.9.0.1")
        let there = try Datagrams(in: .path("/run/netns/\(place)"), address: "10.9.0.2")
        guard eventually(within: 60, { there.reaches(here, bytes: 1000) }) else { return false }
        return (0..<count).allSatisfy { _ in
            there.reaches(here, bytes: 1000) && here.reaches(there, bytes: 1000)
        }
    }
}
