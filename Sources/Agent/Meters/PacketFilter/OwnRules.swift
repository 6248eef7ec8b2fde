/// A base chain of the agent's own table.
enum OwnChain: String, CaseIterable {
    case prerouting
    case input
    case forward
    case output
    case postrouting

    /// Where packets come by (`enum nf_inet_hooks`), and when.
    var hook: Hook {
        switch self {
        case .prerouting: Hook(number: 0, priority: -300)
        case .input: Hook(number: 1, priority: 200)
        case .forward: Hook(number: 2, priority: 200)
        case .output: Hook(number: 3, priority: 200)
        case .postrouting: Hook(number: 4, priority: -300)
        }
    }

    struct Hook: Hashable {
        var number: UInt32
        var priority: Int32
    }
}

/// A rule of the agent's own table.
struct OwnRule: Hashable {
    let chain: OwnChain
    let steps: [OwnExpression]
}

/// The rules that use given sets.
enum OwnRules {
    /// In their order within each chain. `translates`: whether this host rewrites destinations, as
    /// it does for the published ports of containers.
    static func using(_ sets: Set<OwnSet>, translates: Bool) -> [OwnRule] {
        let sets = sets.sorted()
        var rules: [OwnRule] = []
        // Spared before dropped, shut before counted.
        for role in [OwnSet.Role.spare, .drop, .shut, .incoming, .outgoing] {
            for set in sets where set.role == role { rules += self.rules(of: set, translates) }
        }
        return rules
    }

    private static func rules(of set: OwnSet, _ translates: Bool) -> [OwnRule] {
        uses(of: set, translates).flatMap { use in
            conditions(of: set, use).map { steps in
                OwnRule(chain: use.chain, steps: steps + verdict(of: set))
            }
        }
    }

    private static func verdict(of set: OwnSet) -> [OwnExpression] {
        switch set.role {
        case .incoming, .outgoing: []
        case .shut, .drop: [.drop]
        case .spare: [.accept]
        }
    }

    /// A chain that looks into a set, and with which end of the packet.
    private struct Use {
        let chain: OwnChain
        let isIncoming: Bool
    }

    private static func uses(of set: OwnSet, _ translates: Bool) -> [Use] {
        var uses: [Use] = []
        let isForwarded = set.subject != .ports || translates
        if set.role != .outgoing {
            uses.append(Use(chain: set.namesInterface ? .prerouting : .input, isIncoming: true))
        }
        if set.role != .incoming {
            uses.append(Use(chain: set.namesInterface ? .postrouting : .output, isIncoming: false))
        }
        guard !set.namesInterface, isForwarded else { return uses }
        return uses + uses.map { Use(chain: .forward, isIncoming: $0.isIncoming) }
    }

    private static func conditions(of set: OwnSet, _ use: Use) -> [[OwnExpression]] {
        switch set.subject {
        case .ports where use.chain == .forward:
            translatedTransports.map { published(set, use, $0) }
        case .ports: [ports(set, use)]
        case .addresses(let isIPv6, let length): [addresses(set, use, isIPv6, length)]
        }
    }

    /// Registers of 4 bytes within the first of 16 (`NFT_REG32_01`), which has the number 1.
    private static let second: UInt32 = 9
    private static let third: UInt32 = 10

    /// `IPS_DST_NAT`, in host byte order.
    private static let rewrittenDestination: UInt32 = 1 << 5

    private static func ports(_ set: OwnSet, _ use: Use) -> [OwnExpression] {
        [
            .meta(OwnExpression.Meta.family, into: 1),
            .meta(OwnExpression.Meta.transport, into: second),
            .payload(base: 2, offset: use.isIncoming ? 2 : 0, count: 2, into: third),
            .lookup(set.name, register: 1),
        ]
    }

    /// TCP, UDP and SCTP: those whose destinations are rewritten. Each has a rule, since `nft` cannot
    /// load what it lists of a connection's port unless the transport was compared before.
    private static let translatedTransports: [UInt8] = [6, 17, 132]

    /// A port that was rewritten on its way to a container: the one that the client spoke to.
    private static func published(
        _ set: OwnSet, _ use: Use, _ transport: UInt8
    ) -> [OwnExpression] {
        [
            .connection(OwnExpression.Connection.status, direction: nil, into: 1),
            .mask(withUnsafeBytes(of: rewrittenDestination) { Array($0) }, register: 1),
            .compare(register: 1, isEqual: false, [0, 0, 0, 0]),
            .connection(OwnExpression.Connection.direction, direction: nil, into: 1),
            .compare(register: 1, isEqual: true, [use.isIncoming ? 0 : 1]),
            .meta(OwnExpression.Meta.transport, into: 1),
            .compare(register: 1, isEqual: true, [transport]),
            .meta(OwnExpression.Meta.family, into: 1),
            .meta(OwnExpression.Meta.transport, into: second),
            .connection(OwnExpression.Connection.destinationPort, direction: 0, into: third),
            .lookup(set.name, register: 1),
        ]
    }

    private static func addresses(
        _ set: OwnSet, _ use: Use, _ isIPv6: Bool, _ length: UInt8
    ) -> [OwnExpression] {
        let size: UInt32 = isIPv6 ? 16 : 4
        let source: UInt32 = isIPv6 ? 8 : 12
        let register: UInt32 = set.namesInterface ? 2 : 1
        var steps: [OwnExpression] = [
            .meta(OwnExpression.Meta.family, into: 1),
            .compare(register: 1, isEqual: true, [OwnNumber.family(isIPv6: isIPv6)]),
        ]
        if set.namesInterface {
            let name =
                use.isIncoming ? OwnExpression.Meta.inputName : OwnExpression.Meta.outputName
            steps.append(.meta(name, into: 1))
        }
        steps.append(
            .payload(
                base: 1, offset: use.isIncoming ? source : source + size, count: size,
                into: register))
        if length < size * 8 { steps.append(.mask(mask(length, size), register: register)) }
        return steps + [.lookup(set.name, register: register == 2 ? 1 : register)]
    }

    private static func mask(_ length: UInt8, _ size: UInt32) -> [UInt8] {
        (0..<Int(size)).map { byte in
            let bits = min(max(Int(length) - byte * 8, 0), 8)
            return ~UInt8(truncatingIfNeeded: 0xff >> bits)
        }
    }
}
