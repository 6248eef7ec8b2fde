import Testing

@testable import Netlink

@Suite struct NetlinkRequestTests {
    static func request(limit: Int = NetlinkRequest.usualLimit) -> NetlinkRequest {
        NetlinkRequest(type: 30, answerType: 30, fixed: [1, 1, 0, 0], limit: limit)
    }

    @Test func whatIsWrittenIsWhatTheWalkReads() throws {
        var request = Self.request()
        try request.add(1, [1, 2, 3])
        try request.add(2, integer: UInt32(0x0403_0201))
        try request.add(3, text: "wg0")
        let found = try walk(request.bytes, from: 20)
        #expect(found.map(\.payload) == [[1, 2, 3], [1, 2, 3, 4], Array("wg0\0".utf8)])
        #expect(request.bytes[0..<4] == raw(UInt32(request.bytes.count))[...])
        #expect(request.bytes.count.isMultiple(of: 4))
    }

    @Test func nestsCarryTheirFlagAndLength() throws {
        var request = Self.request()
        try request.nest(8) { (peers) throws(NetlinkError) in
            try peers.nest(0) { (peer) throws(NetlinkError) in try peer.add(1, [7]) }
        }
        #expect(
            Array(request.bytes[20...]) == [16, 0, 8, 0x80, 12, 0, 0, 0x80, 5, 0, 1, 0, 7, 0, 0, 0])
    }

    @Test func whatDoesNotFitLeavesTheRequestAsItWas() throws {
        var request = Self.request(limit: 40)
        try request.add(1, [1, 2, 3, 4])
        let before = request.bytes
        #expect(code { try request.add(2, [UInt8](repeating: 0, count: 9)) } == .tooLarge)
        #expect(request.bytes == before)
        let nested = code {
            try request.nest(3) { (inner) throws(NetlinkError) in
                try inner.add(4, [1])
                try inner.add(5, [1])
            }
        }
        #expect(nested == .tooLarge)
        #expect(request.bytes == before)
        try request.add(2, [UInt8](repeating: 0, count: 8))
        #expect(request.bytes.count == 40)
    }

    @Test func noAttributeOrNestOutgrowsItsSixteenBitLength() throws {
        var request = Self.request(limit: 1 << 20)
        #expect(code { try request.add(1, [UInt8](repeating: 0, count: 65532)) } == .tooLarge)
        try request.add(1, [UInt8](repeating: 0, count: 65531))
        let nested = code {
            try request.nest(2) { (inner) throws(NetlinkError) in
                for _ in 0..<3 { try inner.add(1, [UInt8](repeating: 0, count: 30_000)) }
            }
        }
        #expect(nested == .tooLarge)
    }

    @Test func fullRequestsAreSplitAndNothingIsLostOrDoubled() throws {
        let items = (0..<1000).map { UInt32($0) }
        let requests = try NetlinkRequest.split(
            items, nest: 8, begin: { () throws(NetlinkError) in Self.request(limit: 512) },
            write: { (request, item) throws(NetlinkError) in
                try request.nest(0) { (inner) throws(NetlinkError) in
                    try inner.add(1, integer: item)
                    try inner.add(2, [UInt8](repeating: 0, count: Int(item % 40)))
                }
            })
        #expect(requests.count > 10)
        #expect(requests.allSatisfy { $0.bytes.count <= 512 })
        var found: [UInt32] = []
        for request in requests {
            let outer = try walk(request.bytes, from: 20)
            #expect(outer.map(\.type) == [8])
            for item in try walk(outer[0].payload) {
                let number = try walk(item.payload)[0].payload
                found.append(withSpan(number) { $0.unsafeLoad(as: UInt32.self) })
            }
        }
        #expect(found == items)
    }

    @Test func noItemsMakeNoRequestsAndAnItemThatNeverFitsIsRefused() throws {
        func split(_ sizes: [Int]) throws -> Int {
            try NetlinkRequest.split(
                sizes, nest: 8, begin: { () throws(NetlinkError) in Self.request(limit: 64) },
                write: { (request, size) throws(NetlinkError) in
                    try request.add(1, [UInt8](repeating: 0, count: size))
                }
            ).count
        }
        #expect(try split([]) == 0)
        #expect(try split([30, 30]) == 2)
        #expect(code { _ = try split([4, 64]) } == .tooLarge)
    }
}
