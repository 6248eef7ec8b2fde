import Accounting
import Testing

@testable import Meters
@testable import Netlink

/// What the kernel says of the agent's own table, taken apart without a kernel.
@Suite struct OwnDecodingTests {
    private func message(
        _ write: (inout NetlinkRequest) throws(NetlinkError) -> Void
    ) throws -> [UInt8] {
        var request = NetlinkRequest(type: 0, answerType: 0, fixed: [1, 0, 0, 0])
        try write(&request)
        return Array(request.bytes.dropFirst(Message.headerSize))
    }

    /// A message with one element.
    private func element(
        key: [UInt8]? = OwnElement(isIPv6: true, protocol: 6, port: 8443).bytes,
        userdata: [UInt8]? = OwnElement.userdata(ofToken: 0xabc),
        packets: [UInt8]? = [0, 0, 0, 0, 0, 0, 1, 2],
        bytes: [UInt8]? = [0, 0, 0, 1, 0, 0, 0, 3]
    ) throws -> [UInt8] {
        try message { (request) throws(NetlinkError) in
            try request.add(1, text: "tollkeeper")
            try request.nest(3) { (list) throws(NetlinkError) in
                try list.nest(1) { (item) throws(NetlinkError) in
                    try item.nest(1) { (nest) throws(NetlinkError) in
                        if let key { try nest.add(1, key) }
                    }
                    if let userdata { try item.add(6, userdata) }
                    try item.nest(7) { (expression) throws(NetlinkError) in
                        try expression.add(1, text: "counter")
                        try expression.nest(2) { (data) throws(NetlinkError) in
                            if let bytes { try data.add(1, bytes) }
                            if let packets { try data.add(2, packets) }
                        }
                    }
                }
            }
        }
    }

    private func read(_ bytes: [UInt8], keyLength: Int = 12) throws -> [OwnEntry] {
        try bytes.withUnsafeBytes {
            try OwnElementDump(keyLength: keyLength).entries($0.bytes)
        }
    }

    @Test func anElementIsReadWhole() throws {
        let entries = try read(try element())
        #expect(
            entries == [
                OwnEntry(
                    element: OwnElement(isIPv6: true, protocol: 6, port: 8443), token: 0xabc,
                    packets: 258, bytes: 0x1_0000_0003)
            ])
        #expect(entries[0].element.port ?? (false, 0, 0) == (true, 6, 8443))
    }

    @Test func anElementThatIsNotWholeIsRefused() throws {
        for bytes in [
            try element(key: nil), try element(key: []), try element(key: [1, 2, 3, 4]),
            try element(key: [UInt8](repeating: 1, count: 16)), try element(packets: nil),
            try element(bytes: nil), try element(packets: [1, 2, 3, 4]),
            try element(bytes: [UInt8](repeating: 0, count: 9)),
        ] {
            #expect(throws: NetlinkError.self) { try read(bytes) }
        }
        let whole = try element()
        for count in 4..<whole.count {
            let entries = try? read(Array(whole[..<count]))
            #expect(entries == nil || entries == [], "\(count)")
        }
    }

    @Test(
        arguments: [
            nil, [], [0, 17], [1, 17] + Array("0123456789abcdef".utf8) + [0],
            [0, 17] + Array("0123456789ABCDEF".utf8) + [0],
            [0, 17] + Array("0123456789abcdeg".utf8) + [0],
            [0, 17] + Array("0123456789abcdef".utf8) + [1],
            [0, 16] + Array("0123456789abcde".utf8) + [0],
        ] as [[UInt8]?])
    func whatIsNoTokenIsNone(userdata: [UInt8]?) throws {
        #expect(try read(try element(userdata: userdata)).map(\.token) == [nil])
    }

    @Test func everyStepOfARuleIsReadAsItWasWritten() throws {
        let sets: [OwnSet] = OwnSet.Role.allCases.flatMap { role in
            let addresses = [(false, 32), (false, 9), (true, 128), (true, 0)].map {
                OwnSet(role, .addresses(isIPv6: $0.0, prefixLength: UInt8($0.1)))
            }
            return role == .drop || role == .spare ? addresses : addresses + [OwnSet(role, .ports)]
        }
        let rules = OwnRules.using(Set(sets), translates: true)
        #expect(rules.count > 50)
        for rule in rules {
            let bytes = try message { (request) throws(NetlinkError) in
                try request.add(1, text: "tollkeeper")
                try request.add(2, text: rule.chain.rawValue)
                try request.nest(4) { (list) throws(NetlinkError) in
                    for step in rule.steps { try step.write(to: &list) }
                }
            }
            var state = OwnState()
            try bytes.withUnsafeBytes { try state.takeRule($0.bytes) }
            #expect(state.rules == [rule.chain.rawValue: [rule.steps]])
        }
    }

    @Test func setsHaveNamesThatAreReadBack() {
        for role in OwnSet.Role.allCases {
            for isIPv6 in [false, true] {
                for length in 0...UInt8(isIPv6 ? 128 : 32) {
                    let set = OwnSet(role, .addresses(isIPv6: isIPv6, prefixLength: length))
                    #expect(OwnSet(named: set.name) == set)
                    #expect(set.name.utf8.count < 32)
                }
            }
        }
        #expect(OwnSet(named: "ports_in") == OwnSet(.incoming, .ports))
        for name in [
            "", "_", "ports", "ports_", "ports_drop", "ip4_in", "ip4_33_in", "ip6_129_in",
            "ip5_1_in",
            "ip4_032_in", "ip4_+1_in", "ip4_1_in_", "ports_in ",
        ] {
            #expect(OwnSet(named: name) == nil, "\(name)")
        }
    }

    @Test func aBatchIsAnsweredByItsFirstErrorOrItsLastMessage() throws {
        func error(_ sequence: UInt32, _ number: Int32) -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: 36)
            bytes[0] = 36
            bytes[4] = 2
            withUnsafeBytes(of: sequence) { bytes.replaceSubrange(8..<12, with: $0) }
            bytes[12] = 9
            withUnsafeBytes(of: -number) { bytes.replaceSubrange(16..<20, with: $0) }
            bytes[20] = 16
            return bytes
        }
        // Sequence 100 begins a batch of three changes.
        var whole = BatchAnswer(first: 100, count: 5, port: 9)
        try (error(99, 1) + error(105, 1)).withUnsafeBytes { try whole.take($0.bytes) }
        #expect(!whole.isComplete && whole.refusal == nil)
        try error(103, 0).withUnsafeBytes { try whole.take($0.bytes) }
        #expect(whole.isComplete && whole.refusal == nil)

        var refused = BatchAnswer(first: 100, count: 5, port: 9)
        try error(102, 2).withUnsafeBytes { try refused.take($0.bytes) }
        #expect(!refused.isComplete && refused.refusal?.place == 2)
        try (error(101, 17) + error(103, 0)).withUnsafeBytes { try refused.take($0.bytes) }
        #expect(refused.isComplete && refused.refusal?.verdict.number == 2)

        var overtaken = BatchAnswer(first: .max, count: 5, port: 9)
        try error(.max, 85).withUnsafeBytes { try overtaken.take($0.bytes) }
        #expect(overtaken.isComplete && overtaken.refusal?.verdict.number == 85)
    }

    @Test func aTornReadingAddsUpToSomethingElse() {
        let elements = (1...100).map { OwnElement(isIPv6: false, protocol: 6, port: $0) }
        func sum(_ elements: [OwnElement]) -> OwnSum {
            elements.enumerated().reduce(into: OwnSum()) { $0.add($1.element, UInt64($1.offset)) }
        }
        func sum(_ tokens: [(OwnElement, UInt64)]) -> OwnSum {
            tokens.reduce(into: OwnSum()) { $0.add($1.0, $1.1) }
        }
        let whole = elements.enumerated().map { ($0.element, UInt64($0.offset)) }
        #expect(sum(whole) == sum(elements))
        #expect(sum(whole.reversed()) == sum(elements))
        #expect(sum(Array(whole.dropLast())) != sum(elements))
        #expect(sum(whole.dropLast() + [whole[0]]) != sum(elements))
        #expect(sum(whole.dropLast() + [(whole[99].0, 7)]) != sum(elements))
    }
}
