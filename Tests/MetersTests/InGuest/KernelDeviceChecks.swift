import Accounting
import Foundation
import TestSupport
import Testing

@testable import Meters

/// Everything that only a kernel with WireGuard can show. One after the other: they share the
/// guest's two slow processors.
@Suite(.serialized, .enabled(if: Guest.isHere, "runs in the guest that KernelGuestTests boots"))
enum KernelChecks {}

extension KernelChecks {
    @Suite struct DeviceChecks {
        @Test func aReadingSaysWhatWgSaysAfterRealTraffic() throws {
            let tunnel = try KernelTunnel("same")
            #expect(try tunnel.clientReachesServer(count: 5))
            try tunnel.addPeers(3)
            let device = try tunnel.device()
            let (reading, shown) = try tunnel.quietReading(device)
            #expect(wireGuardShow(reading) == shown)
            #expect(reading.listenPort == 51820)
            #expect(reading.reading.startsFromZero)
            #expect(reading.reading.counters.map(\.place) == [0, 1, 2, 3])
            let counter = reading.reading.counters[0]
            #expect(counter.value.uplink > 5000 && counter.value.downlink > 5000)
            #expect(reading.peers[0].presharedKey?.base64 == tunnel.presharedKey)
        }

        @Test(.enabled(if: KernelLab.countsOnTheLink))
        func theLinkCarriesWhatItsPeersDoRemovedOnesToo() throws {
            let tunnel = try KernelTunnel("link")
            #expect(try tunnel.clientReachesServer())
            let device = try tunnel.device()
            let before = try tunnel.quietReading(device).reading.reading
            let link = try #require(before.link)
            #expect(link.before == before.counters[0].value && link.after == link.before)
            #expect(link.incarnation == device.incarnation)
            let removal = try device.remove([tunnel.clientKey])
            #expect(removal.final?.reading.counters.count == 1)
            let last = try #require(removal.final?.reading.link)
            #expect(try device.read().reading.link?.before == last.after)
        }

        @Test func aBlockedPeerGetsNothingThroughAndKeepsItsCounter() throws {
            let tunnel = try KernelTunnel("block")
            #expect(try tunnel.clientReachesServer())
            let device = try tunnel.device()
            let settings = try device.read().peers
            try device.block([tunnel.clientKey, .publicKey(try KernelLab.key(1))])
            let before = try device.read()
            #expect(before.peers.map(\.addresses) == [[]], "an unknown peer was made")
            #expect(before.peers[0].presharedKey == settings[0].presharedKey)
            for _ in 0..<3 { #expect(try !tunnel.clientReachesServer()) }
            let after = try device.read().reading.counters[0].value
            let gained = try #require(after.gained(since: before.reading.counters[0].value))
            #expect(gained.uplink < 1000 && gained.downlink < 1000, "data was let through")

            try device.restore(settings)
            #expect(try device.read().peers[0].addresses == settings[0].addresses)
            #expect(try tunnel.clientReachesServer(), "it does not work again at once")
            let end = try device.read().reading.counters[0].value
            #expect(end.isAtLeast(after), "the counter began anew")
        }

        @Test func aRemovedPeerIsGoneAndComesBackWithItsPresharedKey() throws {
            let tunnel = try KernelTunnel("remove")
            #expect(try tunnel.clientReachesServer())
            try tunnel.set("peer \(tunnel.clientKey) persistent-keepalive 25")
            let device = try tunnel.device()
            let settings = try device.read().peers
            let removal = try device.remove([tunnel.clientKey])
            let last = try #require(removal.final?.reading.counters.first)
            #expect(last.value.uplink > 2000)
            #expect(removal.window > 0 && removal.window < 5_000_000_000)
            #expect(try tunnel.shown().isEmpty)
            _ = try device.remove([tunnel.clientKey])

            try device.restore(settings)
            let restored = try device.read()
            #expect(restored.peers == settings)
            #expect(restored.reading.counters[0].value.uplink < last.value.uplink)
            #expect(
                try tunnel.serverReachesClient(), "no handshake with the old preshared key")
        }

        @Test func anAddressThatIsAnothersNowIsNotTakenAway() throws {
            let tunnel = try KernelTunnel("steal")
            let device = try tunnel.device()
            let settings = try device.read().peers
            let thief = try KernelLab.key(7)
            try device.block([tunnel.clientKey])
            try tunnel.set("peer \(thief.base64) allowed-ips 10.7.0.2/32")
            let before = try tunnel.shown()
            do {
                try device.restore(settings)
                Issue.record("an address was taken away")
            } catch {
                #expect(error.code == .addressTaken)
                #expect(error.reason.contains(thief.base64))
                #expect(error.reason.contains("10.7.0.2/32"))
            }
            #expect(try tunnel.shown() == before)
        }

        @Test func aPeerThatSomebodyOpenedDifferentlySinceIsLeftAlone() throws {
            let tunnel = try KernelTunnel("other")
            let device = try tunnel.device()
            let settings = try device.read().peers
            try device.block([tunnel.clientKey])
            try tunnel.set("peer \(tunnel.clientKey) allowed-ips 10.7.0.9/32")
            try device.restore(settings)
            #expect(try device.read().peers[0].addresses.map(\.description) == ["10.7.0.9/32"])
        }

        @Test func aDeviceThatIsGoneIsAbsent() throws {
            let tunnel = try KernelTunnel("gone")
            let device = try tunnel.device()
            try KernelLab.sh("ip -n \(tunnel.server) link delete wg0")
            for attempt in [
                { _ = try device.read() }, { try device.block([tunnel.clientKey]) },
                { _ = try device.remove([tunnel.clientKey]) },
                { try device.restore([PeerSettings(key: tunnel.clientKey)]) },
            ] as [() throws -> Void] {
                let error = #expect(throws: MeterError.self) { try attempt() }
                #expect(error?.code == .absent)
            }
        }
    }
}
