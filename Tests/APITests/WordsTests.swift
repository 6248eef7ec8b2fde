import API
import Testing

@Suite struct WordsTests {
    @Test(
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KB"), (1536, "1.5 KB"),
            (1_048_524, "1023.9 KB"), (1_048_525, "1.0 MB"), (269_169_459, "256.7 MB"),
            (1_610_612_736, "1.5 GB"), (3_435_973_836, "3.2 GB"), (5_046_586_572, "4.7 GB"),
            (1_099_511_627_776, "1.0 TB"), (UInt64.max, "16777216.0 TB"),
        ] as [(UInt64, String)])
    func sizesAreIn1024sWithOneDecimal(bytes: UInt64, words: String) {
        #expect(HumanSize.format(bytes) == words)
    }

    @Test func aNegativeSizeIsNone() {
        #expect(HumanSize.format(Int64(-1)) == "0 B")
    }

    @Test func sizesNeverGetSmallerAsBytesGrow() {
        var last = 0.0
        for bytes in stride(from: UInt64(1024), to: 1024 * 1024 * 3, by: 511) {
            let parts = HumanSize.format(bytes).split(separator: " ")
            let unit = parts[1] == "KB" ? 1024.0 : 1_048_576.0
            let value = (Double(parts[0]) ?? -1) * unit
            #expect(value >= last)
            last = value
        }
    }

    @Test(
        arguments: [
            (nil, nil, LastSeen.never), (700, nil, .online), (701, nil, .online),
            (nil, 701, .online),
            (0, 701, .online), (701, 0, .online), (1100, nil, .online), (nil, 700, .online),
        ] as [(Int64?, Int64?, LastSeen)])
    func theLaterOfHandshakeAndTrafficCounts(
        handshake: Int64?, traffic: Int64?, words: LastSeen
    ) {
        let seen = LastSeen(
            handshake: handshake.map(Timestamp.init(seconds:)),
            traffic: traffic.map(Timestamp.init(seconds:)), now: Timestamp(seconds: 999))
        #expect(seen == words)
    }

    @Test(
        arguments: [
            (299, "Online"), (300, "Recently seen"), (3599, "Recently seen"), (3600, "Offline"),
        ] as [(Int64, String)])
    func theBordersAreFiveMinutesAndAnHour(age: Int64, words: String) {
        let now = Timestamp(seconds: 100_000)
        let seen = LastSeen(
            handshake: Timestamp(seconds: now.seconds - age), traffic: nil, now: now)
        #expect(seen.rawValue == words)
    }

    @Test func anInterfaceThatRekeysSeldomWidensTheWindow() {
        let now = Timestamp(seconds: 100_000)
        let handshake = Timestamp(seconds: now.seconds - 4000)
        #expect(LastSeen(handshake: handshake, traffic: nil, now: now, window: 7200) == .online)
        #expect(LastSeen(handshake: handshake, traffic: nil, now: now) == .offline)
    }
}
