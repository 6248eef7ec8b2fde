import Accounting
import Foundation
import FuzzTargets
import Netlink
import Testing

@testable import Meters

/// Rules as the kernel dumped them (Tests/Fixtures/nftables/rules.sh), and bytes that it never would.
@Suite struct NftablesRulesetTests {
    static let family: [UInt8] = [1, 0, 0, 0]
    static let named = text(1, "t") + text(2, "c") + number64(3, 7)
    static let counter = expression("counter", number64(1, 10) + number64(2, 1))

    @Test(
        "messages that cannot be right are refused",
        arguments: [
            [], [0], [0, 1, 0], [0] + family, [0] + family + text(1, "t"),
            [0] + family + text(1, "t") + attribute(4, [0, 0, 0, 1]),
            [0] + family + attribute(1, [0xff, 0xfe, 0]) + number64(4, 1),
            [3] + family + text(1, "t"), [3] + family + text(3, "c"),
            [3] + family + text(1, "t") + text(3, "c") + attribute(4, []),
            [3] + family + text(1, "t") + text(3, "c") + attribute(4, attribute(1, [1])),
            [6] + family + text(1, "t") + text(2, "c"), [6] + family + [3, 0, 1, 0],
            [6] + family + named + attribute(4, [200, 0, 1, 0]),
            [6] + family + named + rule(expression("counter", number64(1, 10))),
            [6] + family + named + rule(expression("counter", attribute(1, [1, 2]))),
            [6] + family + named + rule(expression("cmp", attribute(1, [1, 2]))),
            [6] + family + text(1, "t") + text(2, "c") + number64(3, 0),
            [9] + family + text(1, "t") + text(2, "s") + number64(16, 1),
            [9] + family + text(1, "t") + text(2, "s") + attribute(5, [0, 0, 0, 4]),
            [9] + family + text(1, "t") + text(2, "s") + number64(16, 1)
                + attribute(5, [0, 0, 0, 65]),
            [18] + family + text(1, "t") + text(2, "o") + attribute(3, [0, 0, 0, 1])
                + number64(6, 1),
            [18] + family + text(1, "t") + text(2, "o") + attribute(3, [0, 0, 0, 9])
                + number64(6, 1) + attribute(4, []),
            [18] + family + text(1, "t") + text(2, "o") + attribute(3, [0, 0, 0, 2])
                + number64(6, 1) + attribute(4, number64(1, 5)),
        ] as [[UInt8]])
    func malformed(_ message: [UInt8]) {
        let error = #expect(throws: NetlinkError.self) { try NftablesReplay.decode(message) }
        #expect(error?.code == .malformed)
    }

    @Test(
        "elements that cannot be right are refused",
        arguments: [
            attribute(1, attribute(3, [0, 0, 0, 0])), attribute(1, attribute(1, [])),
            attribute(1, attribute(1, attribute(1, [0, 80, 0]))),
            attribute(1, attribute(1, attribute(1, [0, 80])) + attribute(10, attribute(1, [0]))),
            attribute(1, attribute(1, attribute(1, [0, 80])) + attribute(7, [1, 2, 3])),
            attribute(1, attribute(1, attribute(1, [0, 80])) + attribute(3, [0])),
            attribute(1, [9, 0, 1, 0]),
        ] as [[UInt8]])
    func malformedElements(_ element: [UInt8]) {
        let message = Self.family + text(1, "t") + text(2, "s") + attribute(3, element)
        var elements = NftablesElements(keyLength: 2)
        let error = #expect(throws: NetlinkError.self) {
            try message.withUnsafeBytes { try elements.add($0.bytes) }
        }
        #expect(error?.code == .malformed)
    }

    @Test func everyCutAndEveryChangedByteIsRefusedOrHarmless() throws {
        for message in try Self.fixture() {
            for place in message.indices.dropFirst() {
                _ = try? NftablesReplay.decode(Array(message[..<place]))
                for value: UInt8 in [0, 4, 0xff] where message[place] != value {
                    var changed = message
                    changed[place] = value
                    _ = try? NftablesReplay.decode(changed)
                }
            }
        }
    }

    @Test func namesOfExpressionsAreTheirFirstEightBytes() {
        for name in NftablesExpression.Name.allCases {
            let word = "\(name)".utf8.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
            #expect(name.rawValue == word)
        }
    }

    @Test func aRuleIsAPortsOnlyWhereItLooksAtNothingElse() throws {
        let counters = try NftablesReplay.counters(try Self.fixture())
        #expect(
            Self.said(counters, in: "inet t") == [
                "comment/alice in 4 @clients", "comment/bob in 4 input",
                "comment/carol in 46 input", "comment/elsewhere out 46 output",
                "comment/first packets in 46 first", "comment/served in 46 counted",
                "comment/twice in 46 twice", "counter/out out 46 counter out",
                "counter/web in 46 counter web", "ip/10.8.1.0/24 in 4 @clients",
                "ip/10.8.1.0/25 in 4 input", "ip/10.8.1.9 out 4 input",
                "ip/fd00::/64 in 6 input", "port/53 in 46 input", "port/54 in 46 input",
                "quota/trial in 46 quota trial", "sctp/100 in 46 input",
                "tcp/1000-1999 in 46 @ranges",
                "tcp/2000-2999 in 46 @ranges", "tcp/21 in 46 counted", "tcp/22 out 46 leaving",
                "tcp/25 in 46 raw", "tcp/443 in 46 @ports", "tcp/5 in 46 @ranges",
                "tcp/65001-65535 in 46 input", "tcp/80 in 46 @ports", "tcp/80 in 46 input",
                "tcp/80 out 46 output", "tcp/80,443,1000-1005 in 46 input",
                "tcp/80-81 in 46 input", "tcp/80-90 in 46 @both", "tcp/8080 in 46 @verdicts",
                "tcp/81 in 46 input", "tcp/82 in 4 input", "tcp/83 in 6 input",
                "tcp/86 in 46 forward", "tcp/86 out 46 forward", "udp/1000-2000 in 46 input",
                "udp/53 in 46 @both",
            ])
        #expect(Self.said(counters, in: "inet tollkeeper").isEmpty)
    }

    @Test func theRulesOfIptablesAreReadFromNativeFormAndFromTheirMatches() throws {
        let counters = try NftablesReplay.counters(try Self.fixture())
        func common(_ family: String) -> [String] {
            [
                "comment/dave in \(family) FORWARD", "comment/either in \(family) INPUT",
                "tcp/80,443,1000-1005 in \(family) INPUT", "tcp/8443 in \(family) INPUT",
                "tcp/8443 out \(family) OUTPUT", "udp/8443 in \(family) INPUT",
                "udp/8443 out \(family) OUTPUT",
            ]
        }
        #expect(Self.said(counters, in: "ip6 filter") == common("6"))
        #expect(
            Self.said(counters, in: "ip filter")
                == (common("4") + ["comment/erin in 4 INPUT", "ip/10.8.0.0/23 in 4 INPUT"]).sorted()
        )
    }

    @Test func eachCounterHasAnIdentityOfItsOwn() throws {
        let counters = try NftablesReplay.counters(try Self.fixture())
        #expect(Set(counters.map(\.identity)).count == counters.count)
        for counter in counters {
            #expect(counter.identity.contains(/^\d+:\d+(:[0-9a-f]+)?$/))
        }
    }

    @Test func anElementThatIsDumpedTwiceIsOneCounter() throws {
        var messages = try Self.fixture()
        let counters = try NftablesReplay.counters(messages)
        messages += messages.filter { $0.first == 12 }
        #expect(try NftablesReplay.counters(messages).count == counters.count)
        for count in [2, 8, 16] {
            let keys = [1, 2, 1].map { [UInt8](repeating: $0, count: count)[...] }
            var seen = NftablesKeysSeen()
            var isNew: [Bool] = []
            for key in keys { isNew.append(seen.add(key)) }
            #expect(isNew == [true, true, false])
        }
    }

    @Test func chainsThatLeadToEachOtherEnd() {
        var reach = NftablesReach([.input, [], [], []])
        reach.add(from: 0, to: 1)
        reach.add(from: 1, to: 2)
        reach.add(from: 2, to: 1)
        reach.add(from: 3, to: 3)
        reach.spread()
        #expect(reach.hooks == [.input, .input, .input, []])
    }

    private static func said(_ counters: [FilterCounter], in table: String) -> [String] {
        counters.filter { $0.place.hasPrefix("\(table) ") }
            .map { "\($0.said) \($0.place.dropFirst(table.count + 1))" }.sorted()
    }

    private static func fixture() throws -> [[UInt8]] {
        let tests = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(
            contentsOf: tests.appending(path: "Fixtures/nftables/messages.hex"), encoding: .utf8)
        return try text.split(separator: "\n").map { try #require(Hexadecimal.decode($0)) }
    }
}

private func attribute(_ type: UInt16, _ payload: [UInt8]) -> [UInt8] {
    let size = payload.count + 4
    return [UInt8(truncatingIfNeeded: size), UInt8(truncatingIfNeeded: size >> 8)]
        + [UInt8(truncatingIfNeeded: type), UInt8(truncatingIfNeeded: type >> 8)] + payload
        + [UInt8](repeating: 0, count: (4 - payload.count % 4) % 4)
}

private func text(_ type: UInt16, _ text: String) -> [UInt8] {
    attribute(type, Array(text.utf8) + [0])
}

private func number64(_ type: UInt16, _ number: UInt64) -> [UInt8] {
    attribute(type, withUnsafeBytes(of: number.bigEndian) { Array($0) })
}

private func expression(_ name: String, _ data: [UInt8]) -> [UInt8] {
    attribute(1, text(1, name) + attribute(2, data))
}

private func rule(_ expressions: [UInt8]...) -> [UInt8] {
    attribute(4, expressions.flatMap { $0 })
}
