import Foundation
import HTTPClient
import Testing

@Suite struct GzipTests {
    static let text = Array(String(repeating: "twelve bytes", count: 500).utf8)

    /// The code that inflating ends in; nil where it succeeds.
    static func failure(_ bytes: [UInt8], limit: Int = 1 << 20) -> GzipError.Code? {
        do throws(GzipError) {
            _ = try Gzip.inflate(bytes, limit: limit)
            return nil
        } catch {
            return error.code
        }
    }

    @Test(
        arguments: [
            ([], .truncated), ([0x1f], .truncated), ([0x1f, 0x8b], .truncated),
            (Array("this is not gzip at all".utf8), .malformed),
            ([0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01], .malformed),
            ([0x1f, 0x8b, 0x09, 0, 0, 0, 0, 0, 0, 3], .malformed),
            ([0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff], .malformed),
        ] as [([UInt8], GzipError.Code)])
    func whatIsNotGzipIsRefused(_ bytes: [UInt8], _ code: GzipError.Code) {
        #expect(Self.failure(bytes) == code)
    }

    @Test func everyTruncationIsRefused() throws {
        let packed = try Gzip.deflate(Self.text)
        for length in 0..<packed.count {
            #expect(Self.failure(Array(packed.prefix(length))) == .truncated, "at \(length)")
        }
    }

    @Test func everyFlippedByteOfTheDataIsNoticed() throws {
        let packed = try Gzip.deflate(Self.text)
        // Bytes 4 to 9 of the header (time, flags, system) are not part of what is checked.
        for place in 10..<packed.count {
            var broken = packed
            broken[place] ^= 0x55
            #expect(Self.failure(broken) != nil, "at \(place)")
        }
    }

    @Test func whatFollowsTheEndIsRefused() throws {
        let packed = try Gzip.deflate(Self.text)
        #expect(Self.failure(packed + [0]) == .trailing)
        #expect(Self.failure(packed + packed) == .trailing)
    }

    @Test func aBombStopsAtTheLimit() throws {
        let bomb = try Gzip.deflate([UInt8](repeating: 0, count: 64 << 20))
        #expect(bomb.count < 100_000)
        #expect(Self.failure(bomb, limit: 1 << 20) == .tooLarge)
    }

    @Test func theLimitItselfIsAllowed() throws {
        let packed = try Gzip.deflate(Self.text)
        #expect(try Gzip.inflate(packed, limit: Self.text.count) == Self.text)
        #expect(Self.failure(packed, limit: Self.text.count - 1) == .tooLarge)
        #expect(Self.failure(packed, limit: 0) == .tooLarge)
    }

    @Test(arguments: [0, 1, 100, 65_535, 65_536, 65_537, 1_000_003])
    func bytesComeBackAsTheyWere(_ count: Int) throws {
        var value: UInt64 = 88_172_645_463_325_252
        let bytes = (0..<count).map { _ in
            value ^= value << 13
            value ^= value >> 7
            value ^= value << 17
            return UInt8(truncatingIfNeeded: value >> 24)
        }
        #expect(try Gzip.inflate(Gzip.deflate(bytes), limit: count) == bytes)
    }

    @Test func otherToolsReadAndWriteTheSame() async throws {
        let scratch = try Scratch()
        let ours = scratch.path + "/ours.gz"
        try Data(Gzip.deflate(Self.text)).write(to: URL(filePath: ours))
        let read = try await Fixture.run("/usr/bin/env", "gzip", "-dc", ours)
        #expect(Array(read.utf8) == Self.text)
        let theirs = scratch.path + "/theirs"
        try Data(Self.text).write(to: URL(filePath: theirs))
        _ = try await Fixture.run("/usr/bin/env", "gzip", "-9", theirs)
        let packed = try Data(contentsOf: URL(filePath: theirs + ".gz"))
        #expect(try Gzip.inflate(Array(packed), limit: 1 << 20) == Self.text)
    }
}
