import Accounting
import Foundation
import Netlink
import Testing

@testable import Meters

extension KernelChecks {
    @Suite struct DiscoveryChecks {
        @Test func everyDeviceIsFoundOnceUnderItsPlace() throws {
            let tunnel = try KernelTunnel("find")
            try KernelLab.sh(
                """
                ip link add wghost type \(KernelLab.kind)
                touch /run/netns/alias /run/netns/broken
                mount --bind /run/netns/\(tunnel.server) /run/netns/alias
                """)
            defer {
                _ = try? KernelLab.attempt(
                    """
                    ip link delete wghost; umount /run/netns/alias
                    rm /run/netns/alias /run/netns/broken
                    """)
            }
            var devices = KernelDevices(clock: try HostClock.open())
            let found = devices.discover()
            let kind = KernelLab.kind
            #expect(
                found.devices.map(\.name.description) == [
                    "\(kind)/wghost", "\(kind)/wg0@alias", "\(kind)/wg0@\(tunnel.client)",
                ])
            #expect(found.failures.map(\.place) == ["broken"])
            #expect(found.failures[0].error.reason == "it is not a network namespace")
            #expect(Set(found.devices.map(\.incarnation)).count == 3)
            let again = devices.discover().devices
            #expect(zip(again, found.devices).allSatisfy { $0 === $1 })
        }

        @Test func aDeviceMadeAnewHasAnotherIncarnation() throws {
            let tunnel = try KernelTunnel("anew")
            var devices = KernelDevices(clock: try HostClock.open())
            func find() throws -> KernelDevice? {
                devices.discover().devices.first { $0.name.place == tunnel.server }
            }
            let first = try #require(try find())
            try KernelLab.sh("ip -n \(tunnel.server) link delete wg0")
            #expect(try find() == nil)
            try KernelLab.sh("ip -n \(tunnel.server) link add wg0 type \(KernelLab.kind)")
            let second = try #require(try find())
            #expect(second.name == first.name)
            #expect(second.incarnation != first.incarnation)
            try KernelLab.sh("ip -n \(tunnel.server) link set wg0 name wg9")
            let renamed = try #require(try find())
            #expect(renamed.name.device == "wg9")
            #expect(renamed.incarnation == second.incarnation)
            #expect(try renamed.read().reading.meter.device == "wg9")
        }

        @Test func aModuleThatWasLoadedAnewIsFoundAnew() throws {
            try KernelLab.sh("ip link add wgmod type \(KernelLab.kind)")
            var devices = KernelDevices(clock: try HostClock.open())
            let before = try #require(
                devices.discover().devices.first { $0.name.device == "wgmod" })
            _ = try before.read()
            try KernelLab.sh("ip link delete wgmod; rmmod \(KernelLab.kind)")
            let error = #expect(throws: MeterError.self) { try before.read() }
            #expect(error?.code == .absent)
            try KernelLab.sh("\(KernelLab.load); ip link add wgmod type \(KernelLab.kind)")
            defer { _ = try? KernelLab.attempt("ip link delete wgmod") }
            let after = try #require(
                devices.discover().devices.first { $0.name.device == "wgmod" })
            #expect(try after.read().peers.isEmpty)
        }
    }
}
