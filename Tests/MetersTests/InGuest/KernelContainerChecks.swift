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

    /// The device, as the agent finds it.
    func find(_ devices: inout KernelDevices) throws -> KernelDevice? {
        let process = try container.enter()
        return devices.discover(named: [("box", process.networkNamespace)]).devices.first {
            $0.name.place == "box"
        }
    }
}
