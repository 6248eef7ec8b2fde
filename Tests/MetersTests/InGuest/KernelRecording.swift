import Accounting
import Foundation
import Testing

@testable import Meters
@testable import Netlink

extension KernelChecks {
    /// Prints what `Tests/Fixtures/WireGuard/kernel-*` are made of; see `Tests/VM/record`.
    @Suite struct Recording {
        @Test(.enabled(if: KernelLab.records, "only records fixtures")) func record() throws {
            let tunnel = try KernelTunnel("tape")
            #expect(try tunnel.clientReachesServer())
            let isNewest = try tunnel.device().dialect().keepaliveSize == 4
            if KernelLab.kind == .amneziawg {
                try tunnel.set("jc 3 jmin 40 jmax 70 s1 15 s2 25 h1 1001 h2 1002 h3 1003 h4 1004")
            }
            let more =
                isNewest
                ? "-30" : KernelLab.kind == .amneziawg ? " advanced-security on" : ""
            try tunnel.set(
                "peer \(try KernelLab.key(1).base64) endpoint [2001:db8::7]:4500"
                    + " persistent-keepalive 25\(more) allowed-ips 10.8.0.0/24,fd08::/64")
            try tunnel.set("peer \(try KernelLab.key(2).base64)")
            try print("kernel-peers", tunnel)
            let wide = (0..<150).map { "10.99.0.\($0)/32" }.joined(separator: ",")
            try tunnel.set("peer \(try KernelLab.key(3).base64) allowed-ips \(wide)")
            try tunnel.set("peer \(try KernelLab.key(4).base64) allowed-ips fd04::4/128")
            try print("kernel-split", tunnel)
        }

        private func print(_ name: String, _ tunnel: KernelTunnel) throws {
            let device = try tunnel.device()
            for _ in 0..<50 {
                let before = try tunnel.shown()
                let messages = try messages(of: device, in: tunnel.server)
                guard try tunnel.shown() == before else { continue }
                for message in messages { Swift.print("\(name).hex:\(message)") }
                for line in before { Swift.print("\(name).dump:\(line)") }
                return
            }
            throw KernelTunnel.NeverQuiet()
        }

        /// The messages of a dump into a buffer so small that the kernel splits peers early.
        private func messages(of device: KernelDevice, in place: String) throws -> [String] {
            let family = try device.namespace.withGeneric { (socket) throws(NetlinkError) in
                try socket.resolve(KernelLab.kind.rawValue).id
            }
            var request = NetlinkRequest(type: family, answerType: family, fixed: [0, 1, 0, 0])
            try request.add(1, integer: device.index)
            request.stamp(sequence: 1, flags: 0x300)
            let descriptor = try NetworkNamespace.path("/run/netns/\(place)").socket(
                domain: AF_NETLINK, type: Int32(SOCK_RAW.rawValue), protocol: 16)
            defer { close(descriptor) }
            try #require(send(descriptor, request.bytes, request.bytes.count, 0) > 0)
            var buffer = [UInt8](repeating: 0, count: 4096)
            var found: [String] = []
            while true {
                let count = recv(descriptor, &buffer, buffer.count, 0)
                try #require(count > 0)
                let datagram = buffer.span.bytes.extracting(..<count)
                var walk = MessageWalk()
                while let message = try walk.next(in: datagram) {
                    guard message.type == family else { return found }
                    found.append(Hexadecimal.encode(buffer[message.payload]))
                }
            }
        }
    }
}
