internal import Accounting

/// Which packets come to a place in a rule, as far as it can be said in ports or in an address.
struct NftablesMatch: Hashable, Sendable {
    /// Which end of a packet's way.
    enum Side: Hashable, Sendable {
        case source
        case destination
    }

    /// Which transports: `IPPROTO_*`.
    enum Transports: Hashable, Sendable {
        case all
        case one(UInt8)
        /// Several, of which the key says nothing.
        case several
    }

    /// Whether something was asked for that cannot be said here.
    var isNarrow = false
    private(set) var transports = Transports.all
    /// `NFPROTO_IPV4` or `NFPROTO_IPV6`; nil for both.
    private(set) var family: UInt8?
    private(set) var side: Side?
    /// Between which ports; used where `list` is nil.
    private var lowest: UInt16 = 0
    private var highest: UInt16 = .max
    private var list: PortList?
    private(set) var address: AddressRange?
    private(set) var addressSide: Side?

    static let ipv4: UInt8 = 2
    static let ipv6: UInt8 = 10

    /// Nothing is asked for yet.
    init() {}

    mutating func add(family number: UInt8) {
        guard number == Self.ipv4 || number == Self.ipv6, family ?? number == number else {
            isNarrow = true
            return
        }
        family = number
    }

    mutating func add(transport number: UInt8) {
        switch transports {
        case .all: transports = .one(number)
        // tcp, and of them tcp: iptables says it twice.
        case .one(number): break
        case .one, .several: isNarrow = true
        }
    }

    mutating func add(transports numbers: Set<UInt8>) {
        guard case .all = transports, let first = numbers.first else {
            isNarrow = true
            return
        }
        transports = numbers.count == 1 ? .one(first) : .several
    }

    /// Asks for ports from `low` to `high` on one side.
    mutating func add(_ side: Side, from low: UInt16, to high: UInt16) {
        guard list == nil, self.side ?? side == side else {
            isNarrow = true
            return
        }
        self.side = side
        lowest = max(lowest, low)
        highest = min(highest, high)
    }

    /// Asks for the ports of a list on one side.
    mutating func add(_ side: Side, _ ports: PortList) {
        guard self.side == nil else {
            isNarrow = true
            return
        }
        self.side = side
        list = ports
    }

    mutating func add(_ side: Side, _ range: AddressRange) {
        guard address == nil else {
            isNarrow = true
            return
        }
        add(family: range.isIPv6 ? Self.ipv6 : Self.ipv4)
        (addressSide, address) = (side, range)
    }

    /// The ports, where there is nothing but them; nil where there are none, or more is asked.
    var ports: PortList? {
        guard !isNarrow, address == nil, side != nil else { return nil }
        // No service has port 0, so that ports up to 80 are 1 to 80.
        guard list == nil else { return list }
        guard lowest <= highest, highest > 0 else { return nil }
        return PortList([max(lowest, 1)...highest])
    }

    /// The key's transport; nil for one that keys do not have.
    var transport: PortKey.Transport? {
        switch transports {
        case .all, .several: .any
        case .one(6): .tcp
        case .one(17): .udp
        case .one(33): .dccp
        case .one(132): .sctp
        case .one: nil
        }
    }

    /// Whether nothing is asked for but a transport or a family.
    var isOpen: Bool { !isNarrow && side == nil && address == nil }
}

extension NftablesMatch {
    /// What a counter is that counts these packets.
    struct Meaning: Hashable, Sendable {
        var key: PortKey
        var direction: FilterCounter.Direction
    }

    /// What a counter behind this match counts in a chain with these hooks; nil where that cannot be
    /// said: ports first, then the name that a comment gives, then an address.
    func meaning(
        in hooks: FilterHooks, comment: @autoclosure () -> String?
    ) -> Meaning? {
        let isWhole = !isNarrow && hooks.seesEveryPacketOnce
        if isWhole, let side, let ports, let transport, let direction = hooks.direction(of: side) {
            return Meaning(key: .ports(transport, ports), direction: direction)
        }
        let addressed: FilterCounter.Direction? = addressSide.map {
            $0 == .source ? .incoming : .outgoing
        }
        guard !hooks.isEmpty, let direction = addressed ?? hooks.direction else { return nil }
        if let comment = comment() {
            return Meaning(key: .name(.comment, comment), direction: direction)
        }
        guard isWhole, let address, side == nil, case .all = transports else { return nil }
        return Meaning(key: .address(address), direction: direction)
    }

    /// Which families' packets these are, in a table of `family`.
    func families(in family: UInt8) -> FilterCounter.Families {
        switch self.family ?? family {
        case Self.ipv4: .ipv4
        case Self.ipv6: .ipv6
        default: .both
        }
    }
}
