import Accounting
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Meters
@testable import Netlink

extension KernelChecks {
    @Suite struct ScaleChecks {
        @Test func aThousandPeersAreReadBlockedAndRestoredExactly() throws {
            let tunnel = try KernelTunnel("many")
            try tunnel.addPeers(1000)
            let device = try tunnel.device()
            let (reading, shown) = try tunnel.quietReading(device)
            #expect(shown.count == 1001)
            #expect(wireGuardShow(reading) == shown)

            let half = reading.peers.enumerated().filter { $0.offset.isMultiple(of: 2) }
                .map(\.element)
            try device.block(half.map(\.key))
            let blocked = try tunnel.shown().filter { $0.split(separator: "\t")[3] == "(none)" }
            #expect(blocked.count == 501)
            try device.restore(half)
            #expect(try tunnel.shown() == shown)

            _ = try device.remove(half.map(\.key))
            #expect(try tunnel.shown().count == 500)
            try device.restore(half)
            #expect(try Set(tunnel.shown()) == Set(shown), "only the order may differ")
        }

        @Test func peersThatTheKernelSplitsOverMessagesAreWholeAgain() throws {
            let tunnel = try KernelTunnel("split")
            try tunnel.addPeers(20)
            let wide = (0..<3000).map {
                $0.isMultiple(of: 2)
                    ? "10.99.\($0 / 256).\($0 % 256)/32" : "fd99::\(String($0, radix: 16))/128"
            }
            for number in [3, 11] {
                let range = number == 3 ? wide[..<1500] : wide[1500...]
                let file = "/tmp/wide.conf"
                let list = range.joined(separator: ", ")
                let key = try KernelLab.key(number).base64
                try "[Peer]\nPublicKey = \(key)\nAllowedIPs = \(list)\n".write(
                    toFile: file, atomically: true, encoding: .utf8)
                try KernelLab.sh("nsenter --net=/run/netns/\(tunnel.server) wg addconf wg0 \(file)")
            }
            let device = try tunnel.device()
            let (reading, shown) = try tunnel.quietReading(device)
            #expect(wireGuardShow(reading) == shown)
            #expect(reading.peers.map(\.addresses.count).max() == 1500)

            let settings = reading.peers.filter { $0.addresses.count > 1000 }
            try device.block(settings.map(\.key))
            #expect(try device.read().peers.map(\.addresses.count).max() == 2)
            try device.restore(settings)
            #expect(try tunnel.shown() == shown)
            _ = try device.remove(settings.map(\.key))
            try device.restore(settings)
            #expect(try Set(tunnel.shown()) == Set(shown), "only the order may differ")
        }

        @Test func readingsAreWholeWhileAnotherProcessEditsPeers() throws {
            let tunnel = try KernelTunnel("torn")
            try tunnel.addPeers(1000)
            let device = try tunnel.device()
            let stable = Set(try device.read().peers.map(\.key))
            let editor = try Job([
                "sh", "-c",
                """
                while :; do
                    nsenter --net=/run/netns/\(tunnel.server) /bin/sh -c 'for i in 1 2 3 4 5 6 7 8; do
                        wg set wg0 peer \(try KernelLab.key(5000).base64) allowed-ips 10.77.0.1/32
                        wg set wg0 peer \(try KernelLab.key(5000).base64) remove
                    done'
                done
                """,
            ])
            defer { editor.stop() }
            try waitForAnInterruptedDump(device)
            var whole = 0
            for _ in 0..<15 {
                do {
                    let keys = try device.read().peers.map(\.key)
                    #expect(Set(keys).count == keys.count)
                    #expect(stable.isSubset(of: keys))
                    whole += 1
                } catch {
                    #expect(error.code == .interrupted)
                }
            }
            #expect(whole > 0)
        }

        /// Shows that the kernel does interrupt dumps here, without which the test shows nothing.
        private func waitForAnInterruptedDump(_ device: KernelDevice) throws {
            let family = try device.namespace.withGeneric { (socket) throws(NetlinkError) in
                try socket.resolve(KernelLab.kind.rawValue).id
            }
            let place = try #require(device.name.place)
            var socket = try NetlinkSocket.open(.generic, in: .path("/run/netns/\(place)"))
            var request = NetlinkRequest(type: family, answerType: family, fixed: [0, 1, 0, 0])
            try request.add(1, integer: device.index)
            let deadline = ContinuousClock.now + .seconds(20)
            var nothing: Void = ()
            while try !socket.exchange(request, flags: 0x300, "dump", &nothing, { _, _ in }) {
                try #require(ContinuousClock.now < deadline, "no dump was interrupted")
            }
        }
    }
}
