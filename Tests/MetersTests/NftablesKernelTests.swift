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
            #expect(listing.rules[counter.listed] == counter.counts, "\(counter.said)")
        }
        for port in [80, 8443] {
            let udp = try #require(
                reading.counters.first { $0.said == "udp/\(port) in 4" })
            #expect(udp.counts == [3, 3 * 1_028])
        }
    }
}
