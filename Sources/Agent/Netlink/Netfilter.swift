/// What nftables can be asked over nfnetlink without changing it.
package enum NetfilterQuery: UInt8, Sendable {
    case tables = 1
    case chains = 4
    case rules = 7
    case sets = 10
    case elements = 13
    case generation = 16
    case objects = 19
}

extension NetlinkRequest {
    /// Bytes of `struct nfgenmsg`, after which a message's attributes begin.
    package static let netfilterHeaderSize = 4

    /// Begins a question about the tables of `family` (`NFPROTO_*`; 0 for all).
    package static func netfilter(_ query: NetfilterQuery, family: UInt8 = 0) -> NetlinkRequest {
        // The answer to a verb is told by the verb before it: a rule that is asked for comes as
        // one that is new.
        let subsystem: UInt16 = 10 << 8
        return NetlinkRequest(
            type: subsystem | UInt16(query.rawValue),
            answerType: subsystem | UInt16(query.rawValue - 1), fixed: [family, 0, 0, 0])
    }
}

extension NetlinkSocket {
    /// The number of the ruleset that stands now: another one after each change that anybody makes.
    package mutating func rulesetGeneration() throws(NetlinkError) -> UInt32 {
        let found = try get(
            .netfilter(.generation), doing: "ask for the generation of the rules",
            into: UInt32?.none
        ) { (found, bytes) throws(NetlinkError) in
            var walk = AttributeWalk(bytes, from: NetlinkRequest.netfilterHeaderSize)
            while let attribute = try walk.next(in: bytes) {
                if attribute.type == 1 { found = try attribute.bigEndian(UInt32.self, in: bytes) }
            }
        }
        guard let found else { throw .malformed("the rules have no generation") }
        return found
    }
}
