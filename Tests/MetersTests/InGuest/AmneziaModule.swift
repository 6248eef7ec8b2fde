import Accounting
import Foundation
import Netlink
import TestSupport
import Testing

@testable import Meters

extension KernelChecks {
    /// What AmneziaWG's module alone can show; run by `Tests/VM/amneziawg`, since no registry has
    /// the module.
    @Suite(.enabled(if: KernelLab.kind == .amneziawg, "the module is not in Debian"))
    struct AmneziaOnly {
        @Test func aRemovedPeerComesBackWithWhatItsDialectHas() throws {
            let tunnel = try KernelTunnel("dialect")
            let device = try tunnel.device()
            let isNewest = try device.dialect().keepaliveSize == 4
            try tunnel.set("jc 3 jmin 40 jmax 70 s1 15 s2 25 h1 1001 h2 1002 h3 1003 h4 1004")
            try tunnel.set(
                "peer \(tunnel.clientKey) persistent-keepalive \(isNewest ? "25-30" : "25")"
                    + (isNewest ? "" : " advanced-security on"))
            let settings = try device.read().peers
            #expect(settings[0].keepalive == 25)
            #expect(settings[0].longestKeepalive == (isNewest ? 30 : nil))
            #expect(settings[0].advancedSecurity == !isNewest)
            let before = try tunnel.shown()
            _ = try device.remove([tunnel.clientKey])
            #expect(try tunnel.shown().isEmpty)
            try device.restore(settings)
            #expect(try device.read().peers == settings)
            #expect(try tunnel.shown() == before)
        }

        @Test func aBlockedPeerComesBackInTheSameSession() throws {
            let tunnel = try KernelTunnel("again")
            #expect(try tunnel.clientReachesServer())
            let device = try tunnel.device()
            let settings = try device.read().peers
            try device.block([tunnel.clientKey])
            #expect(try !tunnel.clientReachesServer())
            try device.restore(settings)
            #expect(try device.read().peers == settings)
            #expect(try tunnel.clientReachesServer())
        }
    }
}
