internal import Accounting

/// The sets, elements and rules that a content takes.
struct OwnPlan {
    /// The elements of each set that is needed.
    private(set) var elements: [OwnSet: Set<OwnElement>] = [:]
    /// Whose the counted elements are; several keys may share one.
    private(set) var owners: [OwnElement: [PortKey]] = [:]
    /// Sets that are there and stay as they are.
    let others: Set<OwnSet>
    /// Whether packets whose destination is rewritten are looked at too.
    let translates: Bool

    /// Plans for a content, beside sets that other content is in.
    init(_ content: OwnContent, beside others: Set<OwnSet> = [], translates: Bool) {
        self.others = others
        self.translates = translates
        for key in content.counted {
            add(key, to: [.incoming, .outgoing])
            for (_, element) in Self.elements(of: key) { owners[element, default: []].append(key) }
        }
        for key in content.shut { add(key, to: [.shut]) }
        for address in content.dropped { add(address, to: .drop) }
        for address in content.spared { add(address, to: .spare) }
        for element in owners.keys { owners[element]?.sort { "\($0)" < "\($1)" } }
    }

    /// Every set that is needed.
    var sets: Set<OwnSet> { others.union(elements.keys) }

    /// Whether no table is needed.
    var isEmpty: Bool { elements.isEmpty && others.isEmpty }

    /// The rules, in their order within each chain.
    var rules: [OwnRule] { OwnRules.using(sets, translates: translates) }

    private mutating func add(_ key: PortKey, to roles: [OwnSet.Role]) {
        for (subject, element) in Self.elements(of: key) {
            for role in roles { elements[OwnSet(role, subject), default: []].insert(element) }
        }
    }

    private mutating func add(_ address: InterfaceAddress, to role: OwnSet.Role) {
        let set = OwnSet(role, .init(address.range))
        elements[set, default: []].insert(OwnElement(address))
    }

    private static func elements(of key: PortKey) -> [(OwnSet.Subject, OwnElement)] {
        guard key.refusal == nil else { return [] }
        switch key {
        case .ports(let transport, let list):
            guard let number = transport.number else { return [] }
            return list.ranges.joined().flatMap { port in
                [false, true].map {
                    (.ports, OwnElement(isIPv6: $0, protocol: number, port: port))
                }
            }
        case .address(let range): return [(.init(range), OwnElement(range))]
        case .name: return []
        }
    }
}

extension OwnSet.Subject {
    /// The addresses of as many leading bits as the range has.
    init(_ range: AddressRange) {
        self = .addresses(isIPv6: range.isIPv6, prefixLength: range.prefixLength)
    }
}
