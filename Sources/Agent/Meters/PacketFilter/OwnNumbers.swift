/// Numbers of linux/netfilter/nf_tables.h, as far as the agent's own table needs them.
enum OwnNumber {
    /// `NFPROTO_INET`: the table sees IPv4 and IPv6.
    static let family: UInt8 = 1
    /// Bytes of `struct nfgenmsg`, after which a message's attributes begin.
    static let headerSize = 4
    /// `NFPROTO_IPV4` and `NFPROTO_IPV6`, as packets have them.
    static func family(isIPv6: Bool) -> UInt8 { isIPv6 ? 10 : 2 }
}

/// `enum nf_tables_msg_types`.
enum FilterCommand {
    static let newTable: UInt8 = 0
    static let getTable: UInt8 = 1
    static let deleteTable: UInt8 = 2
    static let newChain: UInt8 = 3
    static let getChain: UInt8 = 4
    static let deleteChain: UInt8 = 5
    static let newRule: UInt8 = 6
    static let getRule: UInt8 = 7
    static let deleteRule: UInt8 = 8
    static let newSet: UInt8 = 9
    static let getSet: UInt8 = 10
    static let deleteSet: UInt8 = 11
    static let newElement: UInt8 = 12
    static let getElement: UInt8 = 13
    static let deleteElement: UInt8 = 14
    static let newGeneration: UInt8 = 15
    static let getGeneration: UInt8 = 16
}

enum TableAttribute {
    static let name: UInt16 = 1
    static let flags: UInt16 = 2
    static let handle: UInt16 = 4
}

enum ChainAttribute {
    static let table: UInt16 = 1
    static let name: UInt16 = 3
    static let hook: UInt16 = 4
    static let policy: UInt16 = 5
    static let type: UInt16 = 7
}

enum HookAttribute {
    static let number: UInt16 = 1
    static let priority: UInt16 = 2
}

enum RuleAttribute {
    static let table: UInt16 = 1
    static let chain: UInt16 = 2
    static let expressions: UInt16 = 4
}

enum SetAttribute {
    static let table: UInt16 = 1
    static let name: UInt16 = 2
    static let flags: UInt16 = 3
    static let keyType: UInt16 = 4
    static let keyLength: UInt16 = 5
    static let id: UInt16 = 10
    static let expression: UInt16 = 17
}

enum ElementListAttribute {
    static let table: UInt16 = 1
    static let set: UInt16 = 2
    static let elements: UInt16 = 3
}

enum ElementAttribute {
    static let key: UInt16 = 1
    static let userdata: UInt16 = 6
    static let expression: UInt16 = 7
}

/// What is the same in every list and every expression.
enum NestAttribute {
    /// `NFTA_LIST_ELEM`.
    static let item: UInt16 = 1
    /// `NFTA_EXPR_NAME` and `NFTA_EXPR_DATA`.
    static let name: UInt16 = 1
    static let data: UInt16 = 2
    /// `NFTA_DATA_VALUE` and `NFTA_DATA_VERDICT`.
    static let value: UInt16 = 1
    static let verdict: UInt16 = 2
    /// `NFTA_VERDICT_CODE`.
    static let code: UInt16 = 1
}

enum CounterAttribute {
    static let bytes: UInt16 = 1
    static let packets: UInt16 = 2
}
