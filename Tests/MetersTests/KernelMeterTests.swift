import Accounting
import Foundation
import Netlink
import Testing

@testable import Meters

@Suite struct EndpointTests {
    @Test(
        "what is no address and port is refused",
        arguments: [
            "", ":", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3:4",
            "host:51820", "::1:51820", "[::1]", "[1.2.3.4]:5", "[::1%eth0]:5", "1.2.3.4%1:5",
            "1.2.3.4/32:5", "[::1/128]:5", "[]:5", "[%]:5", "[%1]:5",
        ])
    func malformed(_ text: String) {
        #expect(Endpoint(text) == nil)
    }

    @Test(
        "what is written is read again and is what the kernel takes",
        arguments: [
            (
                "192.0.2.1:51820",
                [2, 0, 0xca, 0x6c, 192, 0, 2, 1] + [UInt8](repeating: 0, count: 8)
            ),
            (
                "[2001:db8::7]:4500",
                [10, 0, 0x11, 0x94, 0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8]
                    + [UInt8](repeating: 0, count: 11) + [7, 0, 0, 0, 0]
            ),
            (
                "[fe80::1%3]:1",
                [10, 0, 0, 1, 0, 0, 0, 0, 0xfe, 0x80] + [UInt8](repeating: 0, count: 13)
                    + [1, 3, 0, 0, 0]
            ),
        ])
    func roundTrip(_ text: String, _ bytes: [UInt8]) throws {
        let endpoint = try #require(Endpoint(text))
        #expect(endpoint.description == text)
        #expect(endpoint.socketAddress == bytes)
    }
}

@Suite struct KernelMeterTests {
    @Test func clocksGoOnAndNameTheBoot() throws {
        let clock = try HostClock.open()
        let first = clock.now()
        let second = clock.now()
        #expect(second.boottime > first.boottime)
        #expect(first.boot == clock.boot)
        #expect(abs(Double(first.wall) / 1e9 - Date().timeIntervalSince1970) < 60)
    }

    @Test func aPlaceThatCannotBeLookedIntoDoesNotHideTheOthers() throws {
        var devices = KernelDevices(clock: try HostClock.open())
        let found = devices.discover(named: [
            ("missing", .path("/run/netns/tkm-none")), ("self", .path("/proc/self/ns/net")),
            ("plain", .path("/etc/hostname")),
        ])
        #expect(found.failures.map(\.place) == ["missing", "plain"])
        #expect(found.failures.map(\.error.code) == [.absent, .failed])
    }

    @Test func aDeviceThatWasNeverThereIsAbsent() throws {
        let device = KernelDevice(
            device: "wgnone", index: 0x7fff_fff0, namespace: try KernelNamespace.open(),
            clock: try HostClock.open())
        let error = #expect(throws: MeterError.self) { try device.read() }
        #expect(error?.code == .absent)
        #expect("\(try #require(error))".hasPrefix("could not read wireguard/wgnone: "))
    }

    @Test func wantOfRightsIsSaidWithTheWayOut() {
        for number in [EPERM, EACCES] {
            let refused = NetlinkError(.system(number), doing: "ask", reason: "refused")
            let error = MeterError(refused, doing: "read wireguard/wg0")
            #expect(error.code == .denied)
            #expect(error.reason == "refused (CAP_NET_ADMIN is needed)")
        }
        let kept = NetlinkError(.interrupted, doing: "ask", reason: "it changed")
        #expect(MeterError(kept, doing: "read").code == .interrupted)
    }
}
