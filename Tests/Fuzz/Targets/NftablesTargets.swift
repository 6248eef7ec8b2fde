import Accounting
import Netlink

@testable package import Meters

/// A reading of nftables from messages that were kept: each begins with the low byte of its type.
package enum NftablesReplay {
    /// The counters of a ruleset, as the reader puts them together.
    package static func counters(_ messages: [[UInt8]]) throws -> [FilterCounter] {
        var (tables, chains, sets) = ([NftablesTable](), [NftablesChain](), [NftablesSet]())
        var objects: [NftablesObject] = []
        for message in messages {
            try message.withPayload { kind, bytes in
                switch kind {
                case 0: tables.append(try NftablesTable(bytes))
                case 3: chains.append(try NftablesChain(bytes))
                case 9: sets.append(try NftablesSet(bytes))
                case 18: objects.append(try NftablesObject(bytes))
                default: break
                }
            }
        }
        var ruleset = NftablesRuleset(
            tables: tables.filter(\.name.isWanted), chains: chains.filter(\.name.isWanted),
            sets: sets.filter(\.name.isWanted))
        for (index, chain) in ruleset.chains.enumerated() {
            ruleset.add(try rules(of: chain.name, in: messages), to: index)
        }
        for set in ruleset.neededSets { ruleset.add(try elements(of: set, in: messages), to: set) }
        ruleset.spread()
        var survey = NftablesSurvey(generation: 1)
        try ruleset.describeRules(&survey)
        ruleset.describe(objects.filter(\.name.isWanted), &survey)
        for (set, uses) in ruleset.usedSets {
            guard let id = ruleset.id(of: set) else { continue }
            survey.add(set, id, uses, try elements(of: set, in: messages))
        }
        return survey.counters
    }

    /// Reads one message alone.
    package static func decode(_ message: [UInt8]) throws {
        try message.withPayload { kind, bytes in
            switch kind {
            case 0: _ = try NftablesTable(bytes)
            case 3: _ = try NftablesChain(bytes)
            case 6:
                for family: UInt8 in [1, 2, 10] {
                    _ = try NftablesRule(bytes, of: NftablesRule.Place(bytes.chain(family)))
                }
            case 9: _ = try NftablesSet(bytes)
            case 12:
                for length in [2, 4, 8, 16] {
                    var elements = NftablesElements(keyLength: length)
                    let isRead: Void? = try refusing(NetlinkError.self) { try elements.add(bytes) }
                    guard isRead != nil else { continue }
                    _ = elements.ranges(ofRanges: true)
                    for index in 0..<elements.count { _ = elements.comment(at: index) }
                }
            case 18: _ = try NftablesObject(bytes)
            default: break
            }
        }
    }

    private static func rules(
        of chain: NftablesName, in messages: [[UInt8]]
    ) throws -> [NftablesRule] {
        let place = NftablesRule.Place(chain)
        return try messages.compactMap { message in
            try message.withPayload { kind, bytes in
                guard kind == 6, try bytes.netfilterFamily() == chain.family else { return nil }
                return try NftablesRule(bytes, of: place)
            }
        }
    }

    private static func elements(
        of set: NftablesSet, in messages: [[UInt8]]
    ) throws -> NftablesElements {
        var elements = NftablesElements(keyLength: set.keyLength)
        for message in messages {
            try message.withPayload { kind, bytes in
                guard kind == 12, try bytes.netfilterFamily() == set.name.family,
                    try bytes.text(1) == set.name.table, try bytes.text(2) == set.name.name
                else { return }
                try elements.add(bytes)
            }
        }
        return elements
    }
}

extension RawSpan {
    /// The text of the attribute of that type; nil where there is none.
    fileprivate func text(_ type: UInt16) throws -> String? {
        var walk = AttributeWalk(self, from: NetlinkRequest.netfilterHeaderSize)
        while let attribute = try walk.next(in: self) {
            if attribute.type == type { return try attribute.text(in: self) }
        }
        return nil
    }

    /// The chain that a rule says it stands in.
    fileprivate func chain(_ family: UInt8) throws -> NftablesName {
        NftablesName(family: family, table: try text(1) ?? "", name: try text(2) ?? "")
    }
}

extension [UInt8] {
    /// The low byte of a message's type, and its bytes behind the netlink header.
    fileprivate func withPayload<Value>(_ body: (UInt8, RawSpan) throws -> Value) throws -> Value {
        try withUnsafeBytes { buffer in
            guard let kind = buffer.first else {
                throw NetlinkError.malformed("a message is empty")
            }
            return try body(kind, UnsafeRawBufferPointer(rebasing: buffer[1...]).bytes)
        }
    }
}

extension FuzzTarget {
    /// What nftables says.
    static let nftablesTargets = [
        FuzzTarget("nftables-ruleset", nftablesRuleset),
        FuzzTarget("nftables-message", nftablesMessage),
    ]

    private static func nftablesRuleset(_ bytes: [UInt8]) throws {
        let counters = try refusing(NetlinkError.self) {
            try NftablesReplay.counters(bytes.datagrams)
        }
        guard let counters else { return }
        // Each takes at least a handle or a key and the two numbers of a counter.
        try FuzzFinding.unless(counters.count * 20 <= bytes.count, "a counter was made up")
        for counter in counters {
            try FuzzFinding.unless(
                PortKey(counter.key.description) == counter.key,
                "\(counter.key) is not read back")
        }
    }

    private static func nftablesMessage(_ bytes: [UInt8]) throws {
        _ = try refusing(NetlinkError.self) { try NftablesReplay.decode(bytes) }
    }
}
