internal import Netlink

extension NftablesReader {
    /// Every table that is wanted.
    mutating func tables() throws(NetlinkError) -> [NftablesTable] {
        try socket.dump(
            .netfilter(.tables), doing: "list the tables of nftables", into: [NftablesTable]()
        ) { (tables, bytes) throws(NetlinkError) in
            let table = try NftablesTable(bytes)
            if table.name.isWanted { tables.append(table) }
        }
    }

    /// Every chain of those tables.
    mutating func chains() throws(NetlinkError) -> [NftablesChain] {
        try socket.dump(
            .netfilter(.chains), doing: "list the chains of nftables", into: [NftablesChain]()
        ) { (chains, bytes) throws(NetlinkError) in
            let chain = try NftablesChain(bytes)
            if chain.name.isWanted { chains.append(chain) }
        }
    }

    /// Every set and map of those tables.
    mutating func sets() throws(NetlinkError) -> [NftablesSet] {
        try socket.dump(
            .netfilter(.sets), doing: "list the sets of nftables", into: [NftablesSet]()
        ) { (sets, bytes) throws(NetlinkError) in
            let set = try NftablesSet(bytes)
            if set.name.isWanted { sets.append(set) }
        }
    }

    /// Asks for the rules of one chain.
    static func request(rulesOf chain: NftablesName) throws(NetlinkError) -> NetlinkRequest {
        var request = NetlinkRequest.netfilter(.rules, family: chain.family)
        try request.add(NftRuleAttribute.table, text: chain.table)
        try request.add(NftRuleAttribute.chain, text: chain.name)
        return request
    }

    /// The rules of one chain, in their order.
    mutating func rules(
        of chain: NftablesName, _ request: NetlinkRequest
    ) throws(NetlinkError) -> [NftablesRule] {
        let place = NftablesRule.Place(chain)
        return try socket.dump(
            request, doing: "read the chain \(chain.name) of \(chain.tableText)",
            into: [NftablesRule]()
        ) { (rules, bytes) throws(NetlinkError) in
            if let rule = try NftablesRule(bytes, of: place), rule.isOfUse { rules.append(rule) }
        }
    }

    /// The elements of one set or map.
    mutating func elements(
        of set: NftablesSet, expecting expected: Int = 0
    ) throws(NetlinkError) -> NftablesElements {
        var request = NetlinkRequest.netfilter(.elements, family: set.name.family)
        try request.add(NftElementsAttribute.table, text: set.name.table)
        try request.add(NftElementsAttribute.set, text: set.name.name)
        return try socket.dump(
            request, doing: "read the set \(set.name.name) of \(set.name.tableText)",
            into: NftablesElements(keyLength: set.keyLength, expecting: expected)
        ) { (elements, bytes) throws(NetlinkError) in try elements.add(bytes) }
    }

    /// Named counters, then quotas, of the tables that are wanted.
    mutating func objects() throws(NetlinkError) -> [NftablesObject] {
        var objects: [NftablesObject] = []
        for type in [NftablesObject.counter, NftablesObject.quota] {
            var request = NetlinkRequest.netfilter(.objects)
            try request.add(NftObjectAttribute.type, bigEndian: type)
            objects += try socket.dump(
                request, doing: "read the named counters of nftables", into: [NftablesObject]()
            ) { (objects, bytes) throws(NetlinkError) in
                let object = try NftablesObject(bytes)
                if object.name.isWanted { objects.append(object) }
            }
        }
        return objects
    }
}
