import Testing

@testable import Netlink

@Suite struct AttributeWalkTests {
    @Test(
        "a length that cannot be right is refused",
        arguments: [
            [1], [4, 0], [4, 0, 1],
            [0, 0, 1, 0], [1, 0, 1, 0], [3, 0, 1, 0],
            [5, 0, 1, 0], [8, 0, 1, 0, 1, 2, 3], [0xff, 0xff, 1, 0, 1, 2, 3, 4],
            [4, 0, 1, 0, 0, 0, 1, 0], [4, 0, 1, 0, 9],
        ] as [[UInt8]])
    func malformed(_ bytes: [UInt8]) {
        #expect(code { _ = try walk(bytes) } == .malformed)
    }

    @Test func noAttributesAreNone() throws {
        #expect(try walk([]).isEmpty)
        #expect(try walk([1, 2, 3, 4], from: 4).isEmpty)
        #expect(try walk([1, 2], from: 4).isEmpty)
    }

    @Test func eachAttributeIsFoundOnceWithoutItsFlagsAndPadding() throws {
        let bytes =
            attribute(1, [1, 2, 3]) + attribute(0x8002, attribute(3, [9])) + attribute(0x4004, [])
        let found = try walk(bytes)
        #expect(found.map(\.type) == [1, 2, 4])
        #expect(found.map(\.payload) == [[1, 2, 3], attribute(3, [9]), []])
    }

    @Test func theLastAttributeMayLackItsPadding() throws {
        #expect(try walk([5, 0, 1, 0, 42]).map(\.payload) == [[42]])
    }

    @Test func aNestDoesNotReachBeyondItself() {
        // The inner attribute claims 8 bytes where its nest has 4 left.
        let bytes = attribute(1, attribute(2, [], length: 8)) + attribute(3, [1, 2, 3, 4])
        let found = code {
            try withSpan(bytes) { span in
                var outer = AttributeWalk(span)
                let nest = try #require(try outer.next(in: span))
                var inner = AttributeWalk(inside: nest)
                _ = try inner.next(in: span)
            }
        }
        #expect(found == .malformed)
    }

    @Test func valuesHaveTheSizeOfTheirTypeOrAreRefused() throws {
        let bytes =
            attribute(1, [1, 2, 3, 4]) + attribute(2, [0x61, 0, 0x62]) + attribute(3, [0xff])
        try withSpan(bytes) { span in
            var walk = AttributeWalk(span)
            let number = try #require(try walk.next(in: span))
            #expect(try number.integer(UInt32.self, in: span) == 0x0403_0201)
            #expect(try number.unsigned(in: span) == 0x0403_0201)
            #expect(code { _ = try number.integer(UInt64.self, in: span) } == .malformed)
            #expect(code { _ = try number.integer(UInt16.self, in: span) } == .malformed)
            let text = try #require(try walk.next(in: span))
            #expect(try text.text(in: span) == "a")
            #expect(code { _ = try text.unsigned(in: span) } == .malformed)
            let noText = try #require(try walk.next(in: span))
            #expect(code { _ = try noText.text(in: span) } == .malformed)
        }
    }

    @Test func randomBytesAlwaysEnd() {
        var random = Xorshift(state: 0x9e37_79b9_7f4a_7c15)
        for _ in 0..<20_000 {
            let bytes = (0..<Int(random.next() % 64)).map { _ in
                UInt8(truncatingIfNeeded: random.next() % 12)
            }
            let found = try? walk(bytes)
            #expect((found?.count ?? 0) <= bytes.count / 4)
        }
    }
}

/// Numbers that are the same in every run.
struct Xorshift {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
