internal import Glibc
internal import Netlink

extension OwnTable {
    /// The generation of the namespace's rules: another after every change of any table.
    func generation() throws(NetlinkError) -> UInt32 {
        let type = NetfilterBatch.subsystem
        let request = NetlinkRequest(
            type: type | UInt16(FilterCommand.getGeneration),
            answerType: type | UInt16(FilterCommand.newGeneration), fixed: [0, 0, 0, 0])
        do throws(NetlinkError) {
            let generation = try socket.get(
                request, doing: "read the generation of nftables", into: UInt32?.none
            ) { (generation, bytes) throws(NetlinkError) in
                var walk = AttributeWalk(bytes, from: OwnNumber.headerSize)
                while let attribute = try walk.next(in: bytes) {
                    guard attribute.type == 1 else { continue }
                    generation = try attribute.bigEndian(UInt32.self, in: bytes)
                }
            }
            guard let generation else { throw .malformed("nftables names no generation") }
            return generation
        } catch {
            // What nfnetlink says of a subsystem that the kernel does not have.
            guard error.errno == EINVAL || error.errno == EOPNOTSUPP else { throw error }
            throw NetlinkError(
                .system(EOPNOTSUPP), doing: error.doing,
                reason: "this kernel has no nftables (nf_tables.ko)")
        }
    }

    /// Looks at the whole table, and at whether any other one rewrites addresses.
    func look() throws(NetlinkError) -> (OwnState, translates: Bool) {
        var state = OwnState()
        try lookAtTable(&state)
        let chains = try socket.dump(
            Self.request(FilterCommand.getChain, family: 0),
            doing: "read the chains of nftables", into: OwnChains()
        ) { (chains, bytes) throws(NetlinkError) in try chains.take(bytes) }
        guard state.handle != nil else { return (state, chains.translates) }
        state.chains = chains.own
        var request = Self.request(FilterCommand.getRule)
        try request.add(RuleAttribute.table, text: Self.name)
        state.rules = try socket.dump(
            request, doing: "read the rules of the table", into: OwnState()
        ) { (rules, bytes) throws(NetlinkError) in try rules.takeRule(bytes) }.rules
        state.sets = try sets()
        for name in state.sets.keys {
            guard let set = OwnSet(named: name),
                state.sets[name] == OwnState.SetFacts(of: set)
            else { continue }
            state.elements[set] = try elements(of: set)
        }
        return (state, chains.translates)
    }

    /// Finds the table's handle.
    func lookAtTable(_ state: inout OwnState) throws(NetlinkError) {
        var request = Self.request(FilterCommand.getTable)
        try request.add(TableAttribute.name, text: Self.name)
        do throws(NetlinkError) {
            state = try socket.get(
                request, doing: "find the table", into: state
            ) { (state, bytes) throws(NetlinkError) in try state.takeTable(bytes) }
        } catch {
            guard error.errno == ENOENT else { throw error }
        }
    }

    /// Every set of the table.
    func sets() throws(NetlinkError) -> [String: OwnState.SetFacts] {
        var request = Self.request(FilterCommand.getSet)
        try request.add(SetAttribute.table, text: Self.name)
        return try socket.dump(
            request, doing: "read the sets of the table", into: OwnState()
        ) { (sets, bytes) throws(NetlinkError) in try sets.takeSet(bytes) }.sets
    }

    private func elements(of set: OwnSet) throws(NetlinkError) -> [OwnElement: UInt64?] {
        let dump = OwnElementDump(keyLength: set.keyLength)
        return try socket.dump(
            try Self.request(elementsOf: set), doing: "read the set \(set.name)",
            into: [OwnElement: UInt64?]()
        ) { (elements, bytes) throws(NetlinkError) in
            try dump.read(bytes) { (entry) throws(NetlinkError) in
                elements.updateValue(entry.token, forKey: entry.element)
            }
        }
    }

    static func request(elementsOf set: OwnSet) throws(NetlinkError) -> NetlinkRequest {
        var request = Self.request(FilterCommand.getElement)
        try request.add(ElementListAttribute.table, text: Self.name)
        try request.add(ElementListAttribute.set, text: set.name)
        return request
    }

    /// A request whose answers are of the type that makes what it asks for: one less.
    private static func request(
        _ command: UInt8, family: UInt8 = OwnNumber.family
    ) -> NetlinkRequest {
        let type = NetfilterBatch.subsystem | UInt16(command)
        return NetlinkRequest(type: type, answerType: type - 1, fixed: [family, 0, 0, 0])
    }
}

extension NetlinkError {
    /// Whether other programs changed rules between a look and the change made from it, or within
    /// the look.
    var wasOvertaken: Bool {
        [ERESTART, EAGAIN, EINTR, ENOENT, EEXIST, EBUSY].contains(errno) || code == .interrupted
    }
}

/// Whether iptables-legacy rewrites addresses, which nftables does not tell of.
enum LegacyTranslation {
    static func isThere(in namespace: NetworkNamespace) -> Bool {
        let folder: String
        switch namespace {
        case .current: folder = "/proc/self/net"
        case .process(let pid): folder = "/proc/\(pid)/net"
        case .path: return false
        }
        return ["ip_tables_names", "ip6_tables_names"].contains { name in
            let descriptor = open("\(folder)/\(name)", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return false }
            defer { close(descriptor) }
            var buffer = [UInt8](repeating: 0, count: 256)
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            return buffer.prefix(max(count, 0)).split(separator: 10).contains(
                Array("nat".utf8)[...])
        }
    }
}
