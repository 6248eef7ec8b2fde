import Accounting
import Foundation
import Netlink
import TestSupport
import Testing

@testable import Meters

/// Real rules of iptables-legacy and ip6tables-legacy, in namespaces with real traffic.
@Suite struct LegacyTrafficTests {
    /// A rule as `iptables-save` prints it, and what it counts; nil for nothing.
    struct Case {
        var rule: String
        var counts: String?
    }

    /// As `v2ray iptables` of multi-v2ray makes them, and others round them.
    static let cases = [
        Case(rule: "INPUT -p udp -m udp --dport 8080 -j ACCEPT", counts: "udp/8080 in"),
        Case(rule: "INPUT -p tcp -m tcp --dport 8080 -j ACCEPT", counts: "tcp/8080 in"),
        Case(rule: "INPUT -p tcp -m tcp --dport 80", counts: "tcp/80 in"),
        Case(rule: "INPUT -p tcp -m tcp --dport 80 -m limit --limit 1/sec", counts: nil),
        Case(
            rule: "INPUT -p tcp -m multiport --dports 443,1000:2000", counts: "tcp/443,1000-2000 in"
        ),
        Case(rule: "INPUT -p tcp -m tcp ! --dport 80", counts: nil),
        Case(rule: "INPUT -p tcp -m tcp --sport 80", counts: nil),
        Case(
            rule: "INPUT -p tcp -m comment --comment \"all of tcp\"",
            counts: "comment/all of tcp in"),
        Case(rule: "INPUT -i lo -p tcp -m tcp --dport 80", counts: nil),
        Case(rule: "OUTPUT -p udp -m udp --sport 8080", counts: "udp/8080 out"),
        Case(rule: "OUTPUT -p tcp -m tcp --sport 8080", counts: "tcp/8080 out"),
        Case(rule: "OUTPUT -p tcp -m tcp --sport 80", counts: "tcp/80 out"),
        Case(rule: "OUTPUT -p tcp -m tcp --dport 80", counts: nil),
    ]

    @Test(arguments: [false, true])
    func whatRulesCountedIsWhatTheToolPrints(isIPv6: Bool) throws {
        let hosts = try FilterHosts()
        let program = isIPv6 ? "ip6tables" : "iptables"
        let rules = Self.cases.map { "-A \($0.rule)\n" }.joined()
        try hosts.run("\(program)-legacy-restore", input: "*filter\n\(rules)COMMIT\n")
        for (port, sent, answered) in [(8080, 1000, 70_000), (80, 10, 20_000)] {
            for isTCP in [true, false] {
                let service = FilterHosts.Service(
                    port: UInt16(port), isIPv6: isIPv6, isTCP: isTCP)
                try hosts.talk(to: service, sent: sent, answered: isTCP ? answered : 900)
            }
        }
        var reader = LegacyReader(in: hosts.namespace, lockFile: hosts.lockFile)
        let printed = try Self.printed(try hosts.run("\(program)-legacy-save", "-c"))
        try #require(printed.count == Self.cases.count)
        let wanted = zip(Self.cases, printed).compactMap { entry, line -> String? in
            guard let counts = entry.counts else { return nil }
            return "\(counts) \(program) filter \(entry.rule.prefix { $0 != " " }) \(line)"
        }
        let reading = try reader.read()
        #expect(reading.counters.map(\.shown) == wanted)
        #expect(reading.counters.allSatisfy { $0.source == .legacy })
        #expect(Set(reading.counters.map(\.families)) == [isIPv6 ? .ipv6 : .ipv4])
        #expect(Set(reading.counters.map(\.identity)).count == wanted.count)
        #expect(reading.counters.contains { $0.bytes > 70_000 })
        #expect(try reader.read().shape == reading.shape)
    }

    /// The counts of each rule that `iptables-legacy-save -c` printed, as `PACKETS:BYTES`.
    static func printed(_ text: String) throws -> [String] {
        text.split(separator: "\n").filter { $0.hasPrefix("[") }.map {
            String($0.dropFirst().prefix { $0 != "]" })
        }
    }
}

extension FilterCounter {
    /// All of it but its name, in a line.
    var shown: String { "\(key) \(direction.rawValue) \(place) \(packets):\(bytes)" }
}
