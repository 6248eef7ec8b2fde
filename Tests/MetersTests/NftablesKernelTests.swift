import Accounting
import Foundation
import Netlink
import TestSupport
import Testing

@testable import Meters

/// Rules in real namespaces, made with nft and iptables-nft, and what the kernel's own tools print.
@Suite struct NftablesKernelTests {
    static func reader(in namespace: Namespace) throws -> NftablesReader {
        try NftablesReader.open(in: .path("/run/netns/\(namespace.name)"))
    }

    @Test func theRulesOfMultiV2rayAreReadToTheByteAsIptablesPrintsThem() throws {
        try #require(geteuid() == 0)
        let pair = try TrafficPair()
        let server = pair.server
        for program in ["iptables-nft", "ip6tables-nft"] {
            for transport in ["tcp", "udp"] {
                for port in ["8443", "80"] {
                    let ends = ["-p", transport]
                    try Command.run(
                        server.inside(
                            [program, "-I", "INPUT"] + ends + ["--dport", port, "-j", "ACCEPT"]))
                    try Command.run(
                        server.inside([program, "-I", "OUTPUT"] + ends + ["--sport", port]))
                }
            }
        }
        var reader = try Self.reader(in: server)
        let before = try reader.read()
        #expect(before.counters.allSatisfy { $0.packets == 0 && $0.bytes == 0 })
        #expect(before.isWhole)

        let service = try pair.serve([80, 8443, 8080])
        for address in TrafficPair.addresses {
            for port in [80, 8443, 8080] {
                try pair.ask("tcp", address, port)
                try pair.ask("udp", address, port)
            }
        }
        service.stop()
        let reading = try reader.read()
        #expect(reading.shape == before.shape)
        #expect(
            Set(reading.counters.map(\.said))
                == Set(
                    ["4", "6"].flatMap { family in
                        ["tcp/80", "tcp/8443", "udp/80", "udp/8443"].flatMap {
                            ["\($0) in \(family)", "\($0) out \(family)"]
                        }
                    }))
        #expect(reading.counters.count == 16)
        #expect(reading.counters.allSatisfy { $0.packets > 0 && $0.bytes > 0 })
        let listing = try NftablesListing(of: server)
        for counter in reading.counters {
            #expect(listing.rules[counter.listed] == [counter.counts], "\(counter.said)")
        }
        for port in [80, 8443] {
            let udp = try #require(
                reading.counters.first { $0.said == "udp/\(port) in 4" })
            #expect(udp.counts == [3, 3 * 1_028])
        }
    }

    @Test func everyKindOfCounterIsReadToTheByteAsNftPrintsIt() throws {
        try #require(geteuid() == 0)
        let pair = try TrafficPair()
        let rules = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Fixtures/nftables/rules.sh")
        try pair.server.run("sh", rules.path)
        try pair.server.run("nft", "-f", "-", input: Self.addresses)
        var reader = try Self.reader(in: pair.server)
        // Some may have seen what a new interface says to its neighbours.
        #expect(try !reader.read().counters.isEmpty)

        let ports = [21, 53, 80, 84, 85, 443, 1001, 8080, 8443]
        let service = try pair.serve(ports)
        for address in TrafficPair.addresses {
            for port in ports {
                try pair.ask("tcp", address, port, count: 1)
                try pair.ask("udp", address, port, count: 2)
            }
        }
        service.stop()
        let reading = try reader.read()
        let listing = try NftablesListing(of: pair.server)
        for counter in reading.counters {
            #expect(listing.counts(of: counter).contains(counter.counts), "\(counter)")
        }
        let moved = Set(reading.counters.filter { $0.packets > 0 }.map { "\($0.key)" })
        #expect(
            moved.isSuperset(of: [
                "tcp/80", "tcp/443", "port/53", "tcp/1000-1999", "tcp/80-90", "udp/53",
                "udp/1000-2000", "tcp/8080", "tcp/8443", "udp/8443", "tcp/80,443,1000-1005",
                "counter/web", "counter/out",
                "ip/10.91.0.2", "ip/fd91::/64", "comment/pair",
            ]))
    }

    /// Rules and sets by the addresses of a `TrafficPair`'s client.
    private static let addresses = """
        table inet a {
            set four { type ipv4_addr; counter; elements = { 10.91.0.2 } }
            set six { type ipv6_addr; flags interval; counter; elements = { fd91::/64 } }
            set added { type ipv4_addr; flags dynamic; counter; }
            chain input {
                type filter hook input priority 0
                ip saddr 10.91.0.0/24 counter comment "pair"
                ip saddr @four
                ip6 saddr @six
                update @added { ip saddr }
            }
            chain output {
                type filter hook output priority 0
                ip daddr 10.91.0.2 counter
                ip6 daddr fd91::/64 counter
            }
        }
        """

    @Test func whatIsReplacedZeroedFlushedOrReorderedMeanwhileIsNeverMixedUp() throws {
        try #require(geteuid() == 0)
        let namespace = try Namespace()
        try namespace.run("nft", "-f", "-", input: Self.restless)
        var reader = try Self.reader(in: namespace)
        let job = try namespace.start("sh", "-c", Self.unrest)
        var (whole, refused) = (0, 0)
        var generations: Set<UInt32> = []
        while whole < 200 || job.isRunning {
            guard whole + refused < 20_000 else { break }
            do throws(NetlinkError) {
                let reading = try reader.read()
                let counters = reading.counters
                #expect(Set(counters.map(\.identity)).count == counters.count)
                guard reading.isWhole else { continue }
                whole += 1
                generations.insert(reading.generation)
                // Nobody touches these.
                let still = counters.filter { $0.place == "inet t still" }.map(\.key)
                #expect(still.count == 400)
                #expect(Set(still).count == 400)
            } catch {
                #expect(error.code == .interrupted)
                refused += 1
            }
        }
        #expect(job.wait(limit: 120) == 0)
        print("nftables: \(whole) whole readings, \(refused) given up")
        #expect(generations.count > 5)
        let listing = try NftablesListing(of: namespace)
        for counter in try reader.read().counters {
            #expect(listing.counts(of: counter).contains(counter.counts))
        }
    }

    private static let restless = """
        table inet t {
            set s { type inet_service; counter; elements = { \
        \((1...400).map(String.init).joined(separator: ", ")) } }
            chain still {
        \((1...400).map { "tcp dport \($0) counter" }.joined(separator: "\n"))
            }
            chain restless {
        \((1...400).map { "udp dport \($0) counter" }.joined(separator: "\n"))
            }
            chain input {
                type filter hook input priority 0
                tcp dport @s
                jump still
                jump restless
            }
        }
        """

    private static let unrest = """
        set -e
        for round in 1 2 3 4 5 6 7 8 9 10 11 12; do
            handle=$(nft -a list chain inet t restless | sed -n 's/.*# handle //p' | sed -n 20p)
            nft replace rule inet t restless handle "$handle" udp dport 500 counter
            nft reset rules table inet t >/dev/null 2>&1 || true
            nft insert rule inet t restless udp dport "$round" counter
            nft delete rule inet t restless handle "$handle" 2>/dev/null || true
            nft add element inet t s '{ 1000-1100 }' 2>/dev/null || nft add element inet t s "{ 100$round }"
            nft -f - <<RULES
        flush chain inet t restless
        flush set inet t s
        add element inet t s { $(seq -s, 400 -1 1) }
        $(seq 400 -1 1 | sed 's/.*/add rule inet t restless udp dport & counter/')
        RULES
        done
        """

    @Test func fiftyThousandRulesAndElementsAreReadWhole() throws {
        try #require(geteuid() == 0)
        let namespace = try Namespace()
        let chains = (0..<50).map { chain in
            "chain c\(chain) {\n"
                + (1...1000).map { "tcp dport \(chain * 1000 + $0) counter" }
                .joined(separator: "\n") + "\n}"
        }
        try namespace.run(
            "nft", "-f", "-",
            input: """
                table inet t {
                set s { type inet_service; counter; elements = { \
                \((1...50_000).map(String.init).joined(separator: ", ")) } }
                \(chains.joined(separator: "\n"))
                chain input {
                type filter hook input priority 0
                udp dport @s
                \((0..<50).map { "jump c\($0)" }.joined(separator: "\n"))
                }
                }
                """)
        var reader = try Self.reader(in: namespace)
        let first = try reader.read()
        #expect(first.counters.count == 100_000)
        let expected = (1...50_000).flatMap { ["tcp/\($0)", "udp/\($0)"] }
        #expect(Set(first.counters.map { "\($0.key)" }) == Set(expected))
        let second = try reader.read()
        #expect(second.shape == first.shape)
        #expect(second.counters == first.counters)
        try namespace.run("nft", "delete", "chain", "inet", "t", "input")
        #expect(try reader.read().counters.isEmpty)
    }
}
