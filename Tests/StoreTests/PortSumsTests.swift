import Testing

@testable import Store

/// Each port's bytes once, from several meters of several servers.
@Suite struct PortSumsTests {
    private func sums(
        _ rows: [(Int64, String, String, Int64)], _ family: PortFamily = .all
    ) -> [String: [Int64]] {
        var sums = PortSums()
        for (server, meter, key, up) in rows {
            sums.add(server: server, meter: meter, key: key, uplink: up, downlink: up * 10)
        }
        return sums.sums(family).mapValues {
            [$0.uplink, $0.downlink, $0.uplinkPackets, $0.downlinkPackets]
        }
    }

    @Test func whatIsNoPortIsPassedOver() {
        let rows: [(Int64, String, String, Int64)] = [
            (1, "wireguard/wg0", "tcp/80", 1), (1, "ports/inet", "ip/10.8.1.2", 1),
            (1, "ports/host", "comment/alice", 1), (1, "ports/inet", "tcp/0", 1),
            (1, "ports/inet", "", 1), (1, "", "tcp/80", 1), (1, "ports/-ipv6", "tcp/80", 1),
        ]
        #expect(sums(rows).isEmpty)
    }

    @Test func transportsAndServersAreAddedUp() {
        let rows: [(Int64, String, String, Int64)] = [
            (1, "ports/inet", "tcp/443", 1), (1, "ports/inet", "udp/443", 2),
            (2, "ports/host", "tcp/443", 4), (2, "packets/host", "tcp/443", 3),
            (2, "ports/inet@box", "tcp/443", 8), (1, "ports/inet", "tcp/44", 5),
        ]
        #expect(sums(rows) == ["443": [15, 150, 3, 30], "44": [5, 50, 0, 0]])
    }

    @Test func whatWasNamedGoesBeforeRulesThatCountTheSame() {
        let rows: [(Int64, String, String, Int64)] = [
            (1, "ports/inet", "tcp/443", 1), (1, "ports/host", "tcp/443", 100),
            (1, "packets/host", "tcp/443", 100), (1, "ports/host", "tcp/80,443", 100),
            (1, "ports/host", "port/443", 100), (1, "ports/host", "udp/443", 2),
            (1, "ports/host", "tcp/8443", 3),
        ]
        #expect(sums(rows) == ["443": [3, 30, 0, 0], "8443": [3, 30, 0, 0]])
    }

    @Test(
        arguments: [
            (PortFamily.all, [10, 100, 5, 50]), (.ipv6, [4, 40, 6, 60]), (.ipv4, [6, 60, 0, 0]),
        ] as [(PortFamily, [Int64])])
    func familiesAreToldApart(family: PortFamily, expected: [Int64]) {
        // More packets over IPv6 than in all, as between two readings, leave none over IPv4.
        let rows: [(Int64, String, String, Int64)] = [
            (1, "ports/inet", "tcp/443", 10), (1, "ports/inet-ipv6", "tcp/443", 4),
            (1, "packets/inet", "tcp/443", 5), (1, "packets/inet-ipv6", "tcp/443", 6),
        ]
        #expect(sums(rows, family) == ["443": expected])
    }

    @Test func aSumStaysAtTheLargestNumber() {
        let rows: [(Int64, String, String, Int64)] = [
            (1, "ports/inet", "tcp/443", Int64.max / 10),
            (2, "ports/inet", "tcp/443", Int64.max / 10),
        ]
        #expect(sums(rows)["443"]?[1] == .max)
    }
}
