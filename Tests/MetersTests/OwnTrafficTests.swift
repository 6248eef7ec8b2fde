import Accounting
import Foundation
import TestSupport
import Testing

@testable import Meters

@Suite("Traffic through the agent's own table", .serialized)
struct OwnTrafficTests {
    let lab: OwnLab

    init() throws { lab = try OwnLab() }

    private func pair(_ family: Int, _ port: UInt16) throws -> (
        host: LabSocket, client: LabSocket
    ) {
        let host = try LabSocket(in: lab.host, isIPv6: family == 1, isStream: false)
        try host.bind(OwnLab.hostAddresses[family], port)
        let client = try LabSocket(in: lab.client, isIPv6: family == 1, isStream: false)
        try client.bind(OwnLab.clientAddresses[family], 0)
        try client.connect(OwnLab.hostAddresses[family], port)
        return (host, client)
    }

    private func connection(
        _ family: Int, _ port: UInt16
    ) throws -> (host: LabSocket, client: LabSocket) {
        let listener = try LabSocket(in: lab.host, isIPv6: family == 1, isStream: true)
        try listener.bind(OwnLab.hostAddresses[family], port)
        try listener.listen()
        let client = try LabSocket(in: lab.client, isIPv6: family == 1, isStream: true)
        try client.connect(OwnLab.hostAddresses[family], port)
        return (try listener.accept(), client)
    }

    private func total(
        _ key: String, _ direction: FilterCounter.Direction, isIPv6: Bool
    ) throws -> (packets: UInt64, bytes: UInt64) {
        let counters = try lab.table.read().filter {
            $0.key.description == key && $0.direction == direction && $0.isIPv6 == isIPv6
        }
        return counters.reduce((0, 0)) { ($0.0 + $1.packets, $0.1 + $1.bytes) }
    }

    @Test(arguments: [0, 1]) func datagramsAreCountedToTheByte(family: Int) throws {
        try lab.table.apply(
            OwnContent(counted: try keys("udp/5000", "udp/80", "udp/8000-8003", "tcp/5000")))
        let (host, client) = try pair(family, 5000)
        let (near, _) = try pair(family, 8080)
        _ = near
        for size in [1, 100, 1400] {
            try client.send(size)
            #expect(try host.echo() == size)
            #expect(try client.receive() == size)
        }
        let header: UInt64 = family == 1 ? 48 : 28
        for direction in FilterCounter.Direction.allCases {
            let total = try total("udp/5000", direction, isIPv6: family == 1)
            #expect(total == (3, 1501 + 3 * header))
            #expect(try self.total("udp/5000", direction, isIPv6: family == 0) == (0, 0))
            #expect(try self.total("udp/80", direction, isIPv6: family == 1) == (0, 0))
            #expect(try self.total("tcp/5000", direction, isIPv6: family == 1) == (0, 0))
        }
        try lab.expectWhatIsListed()
    }

    @Test(arguments: [0, 1]) func streamsAreCountedAsTheKernelListsThem(family: Int) throws {
        try lab.table.apply(OwnContent(counted: try keys("tcp/8443", "tcp/443", "udp/8443")))
        let (host, client) = try connection(family, 8443)
        for _ in 0..<20 {
            try client.send(10_000)
            #expect(try host.receiveAll(10_000) == 10_000)
            try host.send(30_000)
            #expect(try client.receiveAll(30_000) == 30_000)
        }
        let up = try total("tcp/8443", .incoming, isIPv6: family == 1)
        let down = try total("tcp/8443", .outgoing, isIPv6: family == 1)
        #expect(up.bytes > 200_000 && down.bytes > 600_000)
        #expect(try total("tcp/443", .incoming, isIPv6: family == 1) == (0, 0))
        try lab.expectWhatIsListed()
    }

    @Test(arguments: [0, 1]) func addressesAndTheirNetworksAreCounted(family: Int) throws {
        let texts = [
            [
                "ip/10.91.0.2", "ip/10.91.0.0/24", "ip/10.0.0.0/8", "ip/10.92.0.0/16",
                "ip/0.0.0.0/0",
            ],
            ["ip/fd91::2", "ip/fd91::/64", "ip/fd00::/8", "ip/fd92::/16", "ip/::/0"],
        ][family]
        try lab.table.apply(OwnContent(counted: Set(texts.compactMap { PortKey($0) })))
        let (host, client) = try pair(family, 5000)
        try client.send(100)
        #expect(try host.echo() == 100)
        #expect(try client.receive() == 100)
        let size: UInt64 = family == 1 ? 148 : 128
        for (index, text) in texts.enumerated() {
            for direction in FilterCounter.Direction.allCases {
                // IPv6 has neighbours to discover, which are counted too.
                let total = try total(text, direction, isIPv6: family == 1)
                let isIn = index != 3
                #expect(isIn ? total.bytes >= size : total.bytes == 0, "\(text) \(total)")
                if family == 0 { #expect(total == (isIn ? (1, size) : (0, 0)), "\(text)") }
            }
        }
        try lab.expectWhatIsListed()
    }

    @Test(arguments: [0, 1]) func aShutPortLetsNothingThroughAndAnOpenedOneDoes(
        family: Int
    ) throws {
        let open = OwnContent(counted: try keys("udp/5000", "udp/5001"))
        var shut = open
        shut.shut = try keys("udp/5000")
        try lab.table.apply(open)
        let (host, client) = try pair(family, 5000)
        let (other, otherClient) = try pair(family, 5001)
        try client.send(10)
        #expect(try host.receive() == 10)
        try lab.table.apply(shut)
        let before = try total("udp/5000", .incoming, isIPv6: family == 1)
        try host.setLimit(milliseconds: 300)
        for _ in 0..<10 { try client.send(10) }
        #expect(try host.receive() == nil)
        #expect(try total("udp/5000", .incoming, isIPv6: family == 1) == before)
        try otherClient.send(20)
        #expect(try other.receive() == 20)
        try lab.table.apply(open)
        try client.send(30)
        #expect(try host.receive() == 30)
    }

    @Test(arguments: [0, 1]) func aConnectionThatIsAliveStopsAndGoesOn(family: Int) throws {
        let open = OwnContent(counted: try keys("tcp/8443"))
        var shut = open
        shut.shut = try keys("tcp/8443")
        try lab.table.apply(open)
        let (host, client) = try connection(family, 8443)
        try client.send(1000)
        #expect(try host.receiveAll(1000) == 1000)
        try lab.table.apply(shut)
        try host.setLimit(milliseconds: 500)
        try client.send(1000)
        #expect(try host.receive() == nil)
        try client.setLimit(milliseconds: 500)
        try host.send(1000)
        #expect(try client.receive() == nil)
        #expect(throws: (any Error).self) {
            let late = try LabSocket(in: lab.client, isIPv6: family == 1, isStream: true)
            try late.setLimit(milliseconds: 500)
            try late.connect(OwnLab.hostAddresses[family], 8443)
        }
        try lab.table.apply(open)
        // Both ends send again what was lost, after a while that grows with each try.
        try host.setLimit(milliseconds: 30_000)
        try client.setLimit(milliseconds: 30_000)
        #expect(try host.receiveAll(1000) == 1000)
        #expect(try client.receiveAll(1000) == 1000)
        try lab.expectWhatIsListed()
    }

    @Test(arguments: [0, 1]) func aShutAddressLetsNothingThrough(family: Int) throws {
        let (host, client) = try pair(family, 5000)
        try lab.table.apply(OwnContent(shut: try keys("ip/10.91.0.0/28", "ip/fd91::2")))
        try host.setLimit(milliseconds: 300)
        for _ in 0..<3 { try client.send(10) }
        #expect(try host.receive() == nil)
        try lab.table.apply(OwnContent(shut: try keys("ip/10.91.0.16/28", "ip/fd91::3")))
        try host.setLimit(milliseconds: 10_000)
        try client.send(10)
        #expect(try host.receive() == 10)
    }

    @Test(arguments: [0, 1]) func anAddressIsDroppedAtItsInterfaceAlone(family: Int) throws {
        let (host, client) = try pair(family, 5000)
        let wide = ["10.0.0.0/8", "fd00::/8"][family]
        let own = "\(OwnLab.clientAddresses[family])/\([32, 128][family])"
        try host.setLimit(milliseconds: 300)
        for range in [wide, own] {
            try lab.table.apply(OwnContent(dropped: [try address(lab.interface, range)]))
            for _ in 0..<3 { try client.send(10) }
            #expect(try host.receive() == nil, "\(range)")
        }
        try host.setLimit(milliseconds: 10_000)
        try lab.table.apply(OwnContent(dropped: [try address("wg0", wide)]))
        try client.send(10)
        #expect(try host.echo() == 10)
        #expect(try client.receive() == 10)
        try lab.table.apply(
            OwnContent(
                dropped: [try address(lab.interface, wide)],
                spared: [try address(lab.interface, own)]))
        try client.send(10)
        #expect(try host.receive() == 10)
    }

    @Test func whatIsSentToADroppedAddressGoesNowhereEither() throws {
        let (host, client) = try pair(0, 5000)
        try client.send(10)
        #expect(try host.echo() == 10)
        #expect(try client.receive() == 10)
        try client.send(10)
        try lab.table.apply(
            OwnContent(dropped: [try address(lab.interface, "10.91.0.2/32")]))
        try client.setLimit(milliseconds: 300)
        #expect(throws: POSIXError.self) { try host.echo() }
        #expect(try client.receive() == nil)
    }

    @Test func aPublishedPortIsCountedByThePortThatTheClientSpokeTo() throws {
        let inside = try Namespace()
        let (near, far) = (Unique.interface(), Unique.interface())
        try Command.run(
            "ip", "link", "add", near, "netns", lab.host.name, "type", "veth", "peer", "name", far,
            "netns", inside.name)
        try lab.host.run("ip", "address", "add", "10.92.0.1/24", "dev", near)
        try inside.run("ip", "address", "add", "10.92.0.2/24", "dev", far)
        try lab.host.run("ip", "link", "set", near, "up")
        try inside.run("ip", "link", "set", far, "up")
        try inside.run("ip", "route", "add", "default", "via", "10.92.0.1")
        try lab.client.run("ip", "route", "add", "10.92.0.0/24", "via", "10.91.0.1")
        try lab.host.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        let content = OwnContent(counted: try keys("udp/5000", "udp/53"))
        try lab.table.apply(content)
        try lab.host.run(
            "nft", "-f", "-",
            input: """
                table ip published {
                    chain prerouting {
                        type nat hook prerouting priority dstnat; policy accept;
                        udp dport 5000 dnat to 10.92.0.2:53
                    }
                }

                """)
        // A host that begins to rewrite destinations: the next look sees it.
        #expect(try lab.table.apply(content))
        let server = try LabSocket(in: inside, isIPv6: false, isStream: false)
        try server.bind("10.92.0.2", 53)
        let client = try LabSocket(in: lab.client, isIPv6: false, isStream: false)
        try client.connect("10.91.0.1", 5000)
        try client.send(100)
        #expect(try server.echo() == 100)
        #expect(try client.receive() == 100)
        // What is only passed on is no port of this host.
        let passing = try LabSocket(in: lab.client, isIPv6: false, isStream: false)
        try passing.connect("10.92.0.2", 53)
        try passing.send(100)
        #expect(try server.echo() == 100)
        for direction in FilterCounter.Direction.allCases {
            #expect(try total("udp/5000", direction, isIPv6: false) == (1, 128))
            #expect(try total("udp/53", direction, isIPv6: false) == (0, 0))
        }
        var shut = content
        shut.shut = try keys("udp/5000")
        try lab.table.apply(shut)
        try server.setLimit(milliseconds: 300)
        try client.send(100)
        #expect(try server.receive() == nil)
        let listing = try lab.host.run("nft", "list", "ruleset")
        try lab.host.run("nft", "-c", "-f", "-", input: listing)
    }
}
