import Accounting
import Foundation
import TestSupport
import Testing

@testable import Meters
@testable import Netlink

@Suite("The agent's own table", .serialized)
struct OwnTableTests {
    let host: Namespace
    let table: OwnTable

    init() throws {
        host = try Namespace()
        table = try OwnTable.open(in: host.network)
    }

    private var everything: OwnContent {
        get throws {
            OwnContent(
                counted: try keys("tcp/8443", "udp/1000-1009", "ip/10.8.1.2", "ip/fd00::/64"),
                shut: try keys("tcp/25", "sctp/7", "dccp/8", "ip/10.8.9.0/24"),
                dropped: [try address("wg0", "10.8.1.7/32"), try address("wg0", "fd01::/64")],
                spared: [try address("wg0", "fd01::1/128")])
        }
    }

    private func tokens() throws -> [String: Set<UInt64>] {
        Dictionary(grouping: try table.read()) { "\($0.key)" }
            .mapValues { Set($0.map(\.token)) }
    }

    private func listing() throws -> String {
        try host.run("nft", "-a", "list", "ruleset")
    }

    @Test func isMadeReadAndRemoved() throws {
        #expect(try table.read().isEmpty)
        #expect(try !table.apply(.nothing))
        #expect(try table.apply(everything))
        let counters = try table.read()
        #expect(counters.count == 2 * (2 + 20 + 1 + 1))
        #expect(counters.allSatisfy { $0.packets == 0 && $0.bytes == 0 })
        #expect(Set(counters.map(\.token)).count == counters.count)
        #expect(Set(counters.map(\.key)) == (try everything.counted))
        #expect(try listing().contains("ipv6 . udp . 1009"))
        // Whoever keeps a listing for the next boot must be able to load it.
        try host.run("nft", "-c", "-f", "-", input: try host.run("nft", "list", "ruleset"))
        try table.remove()
        #expect(try host.run("nft", "list", "tables").isEmpty)
        #expect(try table.read().isEmpty)
    }

    @Test func nothingIsSentWhereNothingDiffers() throws {
        try table.apply(everything)
        let generation = try table.generation()
        #expect(try !table.apply(everything))
        // Neither by a new start, which remembers nothing.
        #expect(try !OwnTable.open(in: host.network).apply(everything))
        #expect(try table.generation() == generation)
    }

    @Test func whatStaysIsNotTouched() throws {
        try table.apply(everything)
        let before = try tokens()
        var more = try everything
        more.counted.formUnion(try keys("tcp/9000", "ip/10.0.0.0/8"))
        more.counted.remove(try #require(PortKey("ip/10.8.1.2")))
        more.shut = []
        #expect(try table.apply(more))
        let after = try tokens()
        for (name, tokens) in before where name != "ip/10.8.1.2" {
            #expect(after[name] == tokens, "\(name)")
        }
        #expect(after["ip/10.8.1.2"] == nil)
        #expect(after["tcp/9000"]?.count == 4 && after["ip/10.0.0.0/8"]?.count == 2)
    }

    @Test func whatDoesNotCountIsChangedByTheDifference() throws {
        try table.apply(everything)
        let before = try tokens()
        let empty = OwnContent(counted: try everything.counted)
        var wanted = empty
        for shut in [["tcp/443"], ["tcp/443", "ip/10.9.0.0/16"], ["udp/1003"], []] {
            wanted.shut = try Set(shut.flatMap { try keys($0) })
            let generation = try table.generation()
            #expect(try table.apply(wanted))
            #expect(try table.generation() == generation + 1)
            #expect(try OwnTable.open(in: host.network).holds(wanted))
            #expect(try tokens() == before)
        }
        wanted = try everything
        #expect(try table.apply(wanted))
        #expect(try OwnTable.open(in: host.network).holds(wanted))
        #expect(try tokens() == before)

        // What somebody else changed meanwhile is seen all the same.
        try host.run("nft", "flush", "set", "inet", "tollkeeper", "ports_in")
        try host.run("nft", "flush", "set", "inet", "tollkeeper", "ports_shut")
        wanted.shut = try keys("tcp/26")
        #expect(try table.apply(wanted))
        #expect(try OwnTable.open(in: host.network).holds(wanted))
    }

    @Test func otherTablesAreLeftAsTheyAre() throws {
        try host.run(
            "nft", "-f", "-",
            input: """
                table inet filter {
                    set some { type ipv4_addr; counter; elements = { 10.0.0.1 comment "mine" } }
                    chain input { type filter hook input priority 0; policy accept;
                        tcp dport 8443 counter accept comment "x"
                    }
                }
                table ip tollkeeper {
                    chain a {
                        counter
                    }
                }

                """)
        let before = try listing()
        try table.apply(everything)
        #expect(try listing().hasPrefix(before))
        try table.apply(OwnContent(counted: try keys("tcp/1")))
        #expect(try listing().hasPrefix(before))
        try table.remove()
        #expect(try listing() == before)
    }

    /// What others do to the table, and whether the counters that it had are gone by it.
    static let harms: [(commands: [String], isAnew: Bool)] = [
        (["delete table inet tollkeeper"], true),
        (["flush ruleset"], true),
        (["flush set inet tollkeeper ports_in"], true),
        (["delete element inet tollkeeper ports_in { ipv4 . tcp . 8443 }"], true),
        (
            [
                "delete element inet tollkeeper ports_in { ipv4 . tcp . 8443 }",
                "add element inet tollkeeper ports_in { ipv4 . tcp . 8443 }",
            ], true
        ),
        (["add element inet tollkeeper ports_in { ipv4 . tcp . 99 }"], false),
        (["add element inet tollkeeper ports_shut { ipv4 . tcp . 99 }"], false),
        (["flush set inet tollkeeper ports_shut"], false),
        (["flush set inet tollkeeper ip4_32_drop"], false),
        (["flush chain inet tollkeeper input"], false),
        (["flush table inet tollkeeper"], false),
        (["insert rule inet tollkeeper input accept"], false),
        (["add rule inet tollkeeper input log"], false),
        (["add chain inet tollkeeper more"], false),
        (["add set inet tollkeeper more { type ipv4_addr; }"], false),
        (["chain inet tollkeeper input { policy drop; }"], false),
        (["add table inet tollkeeper { flags dormant; }"], true),
        (
            [
                "flush chain inet tollkeeper prerouting", "flush chain inet tollkeeper postrouting",
                "delete chain inet tollkeeper prerouting", "delete set inet tollkeeper ip4_32_drop",
                "add set inet tollkeeper ip4_32_drop { type ipv4_addr; }",
            ], false
        ),
    ]

    @Test(arguments: harms) func whateverIsDoneToItIsUndone(
        _ harm: (commands: [String], isAnew: Bool)
    ) throws {
        let content = try everything
        try table.apply(content)
        let rules = try host.run("nft", "list", "chain", "inet", "tollkeeper", "input")
        let before = Set(try table.read())
        for command in harm.commands { try host.run("nft", command) }
        #expect(try table.apply(content), "\(harm.commands)")
        let after = Set(try table.read())
        #expect(after.count == before.count)
        #expect(
            Set(after.map(\.token)).isDisjoint(with: before.map(\.token)) == false || harm.isAnew)
        #expect((before == after) == !harm.isAnew, "\(harm.commands)")
        #expect(try host.run("nft", "list", "chain", "inet", "tollkeeper", "input") == rules)
        #expect(try !OwnTable.open(in: host.network).apply(content))
    }

    @Test func anElementOfAnotherMakerIsNotRead() throws {
        try table.apply(everything)
        let before = Set(try table.read())
        try host.run("nft", "add element inet tollkeeper ports_in { ipv4 . tcp . 99 }")
        #expect(Set(try table.read()) == before)
        try host.run("nft", "delete element inet tollkeeper ports_in { ipv4 . tcp . 8443 }")
        try host.run("nft", "add element inet tollkeeper ports_in { ipv4 . tcp . 8443 }")
        #expect(Set(try table.read()).count == before.count - 1)
    }

    @Test func anEarlierContentIsReadByItsElements() throws {
        try table.apply(OwnContent(counted: try keys("tcp/80,443", "ip/fd00::/64")))
        let counters = try OwnTable.open(in: host.network).read()
        #expect(Set(counters.map(\.key)) == (try keys("tcp/80", "tcp/443", "ip/fd00::/64")))
    }

    @Test func aPortOfTwoKeysIsReadForBoth() throws {
        try table.apply(OwnContent(counted: try keys("tcp/80", "tcp/80,443")))
        let counters = try table.read()
        #expect(counters.filter { $0.key.description == "tcp/80" }.count == 4)
        #expect(counters.filter { $0.key.description == "tcp/80,443" }.count == 8)
        #expect(Set(counters.map(\.token)).count == 8)
    }

    @Test func tenThousandPortsAreMadeAtOnce() throws {
        let ports = Set((1...10_000).compactMap { PortList(UInt16($0)) })
        let content = OwnContent(counted: Set(ports.map { .ports(.tcp, $0) }))
        let generation = try table.generation()
        try table.apply(content)
        #expect(try table.generation() == generation + 1)
        #expect(try table.read().count == 40_000)
        #expect(try !table.apply(content))
        try table.apply(OwnContent(counted: try keys("tcp/7")))
        #expect(try table.read().count == 4)
    }

    @Test func aReadingIsWholeWhileOthersChangeTheirTables() throws {
        let ports = Set((1...500).compactMap { PortList(UInt16($0)) })
        try table.apply(OwnContent(counted: Set(ports.map { .ports(.udp, $0) })))
        let script = "while :; do nft add table ip x; nft delete table ip x; done"
        let noise = try host.start("bash", "-c", script)
        for _ in 0..<50 { #expect(try table.read().count == 2_000) }
        #expect(try table.apply(OwnContent(counted: try keys("tcp/7"))))
        noise.signal(SIGKILL)
        #expect(try table.read().count == 4)
    }
}

func keys(_ texts: String...) throws -> Set<PortKey> {
    Set(try texts.map { try #require(PortKey($0)) })
}

func address(_ interface: String, _ range: String) throws -> InterfaceAddress {
    let range = try #require(AddressRange(range))
    return try #require(InterfaceAddress(interface, range))
}
