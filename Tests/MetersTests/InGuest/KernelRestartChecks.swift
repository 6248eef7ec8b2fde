import Accounting
import Foundation
import TestSupport
import Testing

@testable import Meters

extension KernelChecks {
    /// What a reading tells of peers that were added again since the one before.
    @Suite struct RestartChecks {
        @Test(.enabled(if: KernelLab.countsOnTheLink))
        func theLastPeerAddedAgainIsChargedEveryByteThoughItPassedItsOldCounters() throws {
            let tunnel = try KernelTunnel("again")
            try tunnel.addPeers(3)
            try tunnel.removeClient()
            try tunnel.addClient()
            let device = try tunnel.device()
            #expect(try tunnel.serverReachesClient())
            let (known, before) = try quietBaselines(of: device, at: tunnel)
            let link = try #require(known.link)
            try #require(link.before == link.after)

            try tunnel.removeClient()
            try tunnel.addClient()
            #expect(try tunnel.serverReachesClient())
            #expect(try tunnel.clientReachesServer(count: 20))
            let (reading, _) = try tunnel.quietReading(device)
            let now = try #require(reading.reading.counters.last)
            #expect(now.key == tunnel.clientKey && now.place == before.place)
            try #require(now.value.isAtLeast(before.value) && now.lastHandshake != 0)

            let difference = Differ.difference(
                from: known, to: reading.reading, confirming: reading.reading)
            #expect(difference.deltas.map(\.key) == [tunnel.clientKey])
            #expect(difference.deltas.map(\.kind) == [.gained])
            #expect(difference.deltas.first?.amount == now.value)
            #expect(difference.restarts.map(\.key) == [tunnel.clientKey])
        }

        @Test(.enabled(if: KernelLab.countsOnTheLink))
        func theLinkBoundsWhatPeersCountWhileTrafficPasses() throws {
            let tunnel = try KernelTunnel("bound")
            let device = try tunnel.device()
            let here = try Datagrams(in: tunnel.server, address: "10.7.0.1")
            let there = try Datagrams(in: tunnel.client, address: "10.7.0.2")
            #expect(eventually { there.reaches(here, bytes: 1000) })
            var isMoving = false
            for round in 0..<1000 where round < 30 || !isMoving {
                // Read while they are on their way.
                for _ in 0..<40 { there.send(1000, to: here) }
                let reading = try device.read().reading
                let link = try #require(reading.link)
                let value = reading.counters[0].value
                isMoving = isMoving || link.before != link.after
                // A packet may stand between the link's counter and the peer's on each processor.
                let late = Traffic(uplink: value.uplink + 4096, downlink: value.downlink + 4096)
                #expect(late.isAtLeast(link.before) && link.after.isAtLeast(value))
            }
            #expect(isMoving, "nothing passed while it was read: this showed nothing")
        }

        /// What an agent would remember after a reading while nothing moves.
        private func quietBaselines(
            of device: KernelDevice, at tunnel: KernelTunnel
        ) throws -> (MeterBaselines, Counter) {
            let (reading, _) = try tunnel.quietReading(device)
            var known = MeterBaselines()
            known.apply(Differ.difference(from: known, to: reading.reading))
            return (known, try #require(reading.reading.counters.last))
        }
    }
}

extension KernelTunnel {
    func removeClient() throws {
        try set("peer \(clientKey) remove")
    }

    /// Adds the client's peer as it was, with the endpoint that the server may speak first to.
    func addClient() throws {
        let port = try KernelLab.sh("nsenter --net=/run/netns/\(client) wg show wg0 listen-port")
            .trimmingCharacters(in: .whitespacesAndNewlines)
        try KernelLab.sh(
            """
            cd /tmp; nsenter --net=/run/netns/\(server) wg set wg0 peer \(clientKey) \
                preshared-key shared.key allowed-ips 10.7.0.2/32,fd07::2/128 \
                endpoint 192.168.7.2:\(port)
            """)
    }
}
