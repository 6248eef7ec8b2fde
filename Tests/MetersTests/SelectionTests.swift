import Accounting
import Testing

@testable import Meters

@Suite struct SelectionTests {
    /// Written as `tcp/80 in 4 nft`, in the order of the rules.
    static func counters(_ lines: [String]) throws -> [FilterCounter] {
        try lines.enumerated().map { index, line in
            let words = line.split(separator: " ").map(String.init)
            return FilterCounter(
                key: try #require(PortKey(words[0])),
                direction: try #require(FilterCounter.Direction(rawValue: words[1])),
                families: try #require(FilterCounter.Families(rawValue: words[2])),
                source: words[3] == "nft" ? .nftables : .legacy, place: "\(words[3]) \(index)",
                identity: "\(index)", packets: 1, bytes: 2)
        }
    }

    static func selection(_ lines: String...) throws -> FilterSelection {
        FilterSelection(try counters(lines))
    }

    @Test func ofEqualRulesTheFirstIsBelieved() throws {
        let selection = try Self.selection(
            "tcp/80 in 4 legacy", "tcp/80 in 4 legacy", "tcp/80 out 4 legacy",
            "tcp/8080 in 4 legacy", "tcp/80 in 6 legacy", "tcp/80 in 6 legacy")
        #expect(selection.believed == [0, 2, 3, 4])
        #expect(selection.doubled.isEmpty)
    }

    @Test func nftablesGoesBeforeLegacyAndItIsSaid() throws {
        let selection = try Self.selection(
            "tcp/80 in 4 legacy", "tcp/80 out 4 legacy", "udp/80 in 4 legacy", "tcp/80 in 4 nft",
            "tcp/80 in 6 legacy")
        #expect(selection.believed == [1, 2, 3, 4])
        let said = try #require(selection.doubled.first)
        #expect(selection.doubled.count == 1)
        #expect(
            said.description
                == "tcp/80 (in) is counted in nft 3 and in legacy 0: the former is used")
    }

    @Test func oneCounterOfBothFamiliesIsBelievedForBoth() throws {
        let selection = try Self.selection(
            "tcp/80 in 4 nft", "tcp/80 in 6 nft", "tcp/80 in 46 nft", "tcp/80 in 46 nft",
            "tcp/80 in 6 legacy", "tcp/80 out 4 nft", "tcp/80 out 6 legacy")
        #expect(selection.believed == [2, 5, 6])
        #expect(selection.doubled.map(\.other) == ["legacy 4"])
    }

    @Test func whatIsNamedAndWhatIsCountedByAddressIsChosenAlike() throws {
        let selection = try Self.selection(
            "comment/alice in 4 legacy", "comment/alice in 4 nft", "ip/10.0.0.2 in 4 legacy",
            "ip/10.0.0.0/24 in 4 nft", "counter/web in 46 nft", "quota/web in 46 nft")
        #expect(selection.believed == [1, 2, 3, 4, 5])
    }

    @Test func aPortIsMadeUpOfExactlyItsCounters() throws {
        let selection = try Self.selection(
            "tcp/8080 in 4 nft", "udp/80 in 4 nft", "tcp/80 in 4 nft", "tcp/80,443 in 4 nft",
            "tcp/80 out 4 legacy", "tcp/18080 out 4 nft", "port/80 in 4 nft", "tcp/79-81 out 4 nft",
            "tcp/80 in 4 legacy")
        let parts = selection.parts(of: try #require(PortKey("tcp/80")))
        #expect(parts.indices == [2, 4])
        #expect(parts.missing.map(\.direction) == [.incoming, .outgoing])
        #expect(parts.missing.map(\.families) == [.ipv6, .ipv6])
        #expect(selection.parts(of: try #require(PortKey("tcp/81"))).indices.isEmpty)
    }

    @Test func aListIsMadeUpOfItsPartsWhereTheyAreAllOfIt() throws {
        let selection = try Self.selection(
            "tcp/80 in 46 nft", "tcp/443 in 46 nft", "tcp/80 out 46 nft", "tcp/1-5 in 4 legacy",
            "tcp/6 in 4 legacy", "tcp/3-6 in 4 legacy", "tcp/443,444 in 46 nft")
        let web = selection.parts(of: try #require(PortKey("tcp/80,443")))
        #expect(web.indices == [0, 1])
        #expect(web.missing.map(\.direction) == [.outgoing, .outgoing])
        let range = selection.parts(of: try #require(PortKey("tcp/1-6")))
        #expect(range.indices == [3, 4])
        #expect(range.missing.count == 3)
    }

    @Test func aCounterOfBothFamiliesIsNoPartOfOneAlone() throws {
        let selection = try Self.selection(
            "tcp/80 in 46 nft", "tcp/443 in 4 nft", "tcp/80,443 in 6 nft", "tcp/80 in 4 legacy")
        let parts = selection.parts(of: try #require(PortKey("tcp/80,443")))
        #expect(parts.indices == [2])
        #expect(parts.missing.first?.families == .ipv4)
    }

    @Test func anAddressMissesNothingOfTheOtherFamily() throws {
        let selection = try Self.selection("ip/10.0.0.2 in 4 nft", "ip/10.0.0.2 out 4 legacy")
        let parts = selection.parts(of: try #require(PortKey("ip/10.0.0.2")))
        #expect(parts.indices == [0, 1])
        #expect(parts.missing.isEmpty)
        #expect(selection.parts(of: try #require(PortKey("ip/10.0.0.0/24"))).missing.count == 2)
    }
}
