internal import Accounting
internal import Netlink

/// What all elements of a set add up to, so that a torn dump shows: nftables dumps may repeat and
/// leave out elements while it makes a set larger, and says nothing of it.
struct OwnSum: Hashable {
    private(set) var count = 0
    private var sum: UInt64 = 0

    @inline(__always)
    mutating func add(_ element: OwnElement, _ token: UInt64) {
        count += 1
        sum &+= element.mixed(with: token)
    }
}

extension OwnElement {
    /// The key and its token as one number.
    @inline(__always)
    func mixed(with token: UInt64) -> UInt64 {
        var sum = token
        for word in 0..<8 {
            sum = (sum ^ UInt64(words[word])) &* 0x9e37_79b9_7f4a_7c15
            sum ^= sum >> 29
        }
        return sum
    }
}

extension OwnTable {
    /// Tries at a reading that other programs' changes come between.
    private static let readings = 3

    /// Reads every counter of the table, all or nothing; none where there is no table. Elements
    /// that this agent did not make are left out.
    package func read() throws(MeterError) -> [OwnCounter] {
        let doing = "read the table inet \(Self.name)"
        return try explain(doing) { () throws(NetlinkError) in
            for _ in 1...Self.readings {
                let before = try generation()
                let place = try place(at: before)
                guard let handle = place.handle else { return [] }
                guard let (counters, isWhole) = try read(place, handle) else { continue }
                if isWhole { return counters }
                if try generation() == before { return counters }
            }
            throw NetlinkError(
                .interrupted, doing: doing,
                reason: "its sets changed while they were read, \(Self.readings) times in a row")
        }
    }

    private struct Place {
        var handle: UInt64?
        var sets: [OwnSet]
        var sums: [OwnSet: OwnSum]
    }

    /// Where counters are to be found: as it was seen last, unless anything has changed since.
    private func place(at generation: UInt32) throws(NetlinkError) -> Place {
        if let seen, seen.generation == generation {
            return Place(handle: seen.handle, sets: seen.sets, sums: seen.sums)
        }
        var state = OwnState()
        try lookAtTable(&state)
        guard state.handle != nil else { return Place(sets: [], sums: [:]) }
        let sets = try sets().keys.compactMap(OwnSet.init(named:)).filter(\.counts)
        return Place(
            handle: state.handle, sets: sets.sorted(),
            sums: seen?.handle == state.handle ? seen?.sums ?? [:] : [:])
    }

    /// Reads the sets once. Whether it surely was whole: it shows what was put there, once each.
    /// nil where an element came twice and nobody knows what is missing.
    private func read(
        _ place: Place, _ handle: UInt64
    ) throws(NetlinkError) -> ([OwnCounter], isWhole: Bool)? {
        var counters: [OwnCounter] = []
        var isWhole = place.sums.count == place.sets.count
        for set in place.sets {
            let reader = OwnReader(
                set: set, table: handle, owners: seen?.owners ?? [:],
                last: seen?.order[set] ?? [])
            let result = try socket.dump(
                try Self.request(elementsOf: set), doing: "read the set \(set.name)",
                into: OwnReader.Result(capacity: place.sums[set]?.count ?? 0)
            ) { (result, bytes) throws(NetlinkError) in try reader.read(bytes, into: &result) }
            if result.sum != place.sums[set] {
                isWhole = false
                guard !result.hasRepeats else { return nil }
            }
            if result.isNewOrder { seen?.order[set] = result.order }
            if counters.isEmpty { counters = result.counters } else { counters += result.counters }
        }
        return (counters, isWhole)
    }
}

/// An element, and a key that it counts for.
struct OwnPlace {
    var element: OwnElement
    var key: PortKey
}

/// Turns the elements of one set into counters.
struct OwnReader {
    let direction: FilterCounter.Direction
    let table: UInt64
    let owners: [OwnElement: [PortKey]]
    /// What the last reading showed, in its order; empty where it is not to be gone by.
    private let last: [OwnPlace]
    private let dump: OwnElementDump
    private let subject: OwnSet.Subject

    struct Result {
        var counters: [OwnCounter] = []
        var sum = OwnSum()
        /// Whether something stood elsewhere than at the last reading.
        var isNewOrder = false
        fileprivate var elements: [OwnElement] = []

        /// What the next reading may go by.
        fileprivate var order: [OwnPlace] {
            zip(elements, counters).map { OwnPlace(element: $0, key: $1.key) }
        }

        init(capacity: Int) { counters.reserveCapacity(capacity) }

        /// Whether an element came twice.
        var hasRepeats: Bool {
            var seen: [UInt64: [PortKey]] = [:]
            for counter in counters {
                guard seen[counter.token]?.contains(counter.key) != true else { return true }
                seen[counter.token, default: []].append(counter.key)
            }
            return false
        }
    }

    init(
        set: OwnSet, table: UInt64, owners: [OwnElement: [PortKey]], last: [OwnPlace] = []
    ) {
        self.last = last
        direction = set.role == .incoming ? .incoming : .outgoing
        self.table = table
        self.owners = owners
        dump = OwnElementDump(keyLength: set.keyLength)
        subject = set.subject
    }

    /// Takes the elements of one message.
    func read(_ bytes: RawSpan, into result: inout Result) throws(NetlinkError) {
        try dump.read(bytes) { (entry) throws(NetlinkError) in
            result.sum.add(entry.element, entry.token ?? 0)
            guard let token = entry.token else { return }
            let place = result.counters.count
            if place < last.count, last[place].element == entry.element,
                !isShared(place)
            {
                append(last[place].key, entry, token, to: &result)
                return
            }
            if !result.isNewOrder {
                result.isNewOrder = true
                result.elements = last.prefix(place).map(\.element)
            }
            if let keys = owners[entry.element] {
                for key in keys { append(key, entry, token, to: &result) }
            } else if let key = ownKey(of: entry.element) {
                append(key, entry, token, to: &result)
            }
        }
    }

    /// Whether the element at a place counts for another key, too.
    @inline(__always)
    private func isShared(_ place: Int) -> Bool {
        place + 1 < last.count && last[place + 1].element == last[place].element
            || place > 0 && last[place - 1].element == last[place].element
    }

    @inline(__always)
    private func append(
        _ key: PortKey, _ entry: OwnEntry, _ token: UInt64, to result: inout Result
    ) {
        if result.isNewOrder { result.elements.append(entry.element) }
        result.counters.append(
            OwnCounter(
                key: key, direction: direction, isIPv6: isIPv6(entry.element),
                packets: entry.packets, bytes: entry.bytes, token: token, table: table))
    }

    private func isIPv6(_ element: OwnElement) -> Bool {
        switch subject {
        case .ports: element.isOfIPv6Port
        case .addresses(let isIPv6, _): isIPv6
        }
    }

    /// The key of an element that an earlier content had: a port or an address of its own.
    private func ownKey(of element: OwnElement) -> PortKey? {
        switch subject {
        case .ports:
            guard let (_, number, port) = element.port, let list = PortList(port),
                let transport = PortKey.Transport(number: number)
            else { return nil }
            return .ports(transport, list)
        case .addresses(_, let length):
            return AddressRange(bytes: element.bytes, prefixLength: length).map(PortKey.address)
        }
    }
}
