import API
import Foundation
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        "", "2025-11-06", "2025-11-06T12:00:00", "2025-11-06 12:00:00Z", "2025-11-06T12:00:00+01",
        "2025-13-06T12:00:00Z", "2025-00-06T12:00:00Z", "2025-02-29T12:00:00Z",
        "2025-11-31T12:00:00Z", "2025-11-06T24:00:00Z", "2025-11-06T12:60:00Z",
        "2025-11-06T12:00:60Z", "-025-11-06T12:00:00Z", "2025-11-06T12:00:00ZZ",
        "２025-11-06T12:00:0Z",
    ])
    func whatIsNoTimeIsRefused(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test func agreesWithFoundationOverThreeCenturies() {
        let format = Date.ISO8601FormatStyle()
        for seconds in stride(from: Int64(-3_000_000_000), to: 7_000_000_000, by: 86_399 * 7) {
            let expected = Date(timeIntervalSince1970: Double(seconds)).formatted(format)
            #expect(Timestamp(seconds: seconds).description == expected)
            #expect(Timestamp(expected)?.seconds == seconds)
        }
    }

    @Test func nanosecondsBefore1970RoundDown() {
        #expect(Timestamp(nanoseconds: -1).description == "1969-12-31T23:59:59Z")
        #expect(Timestamp(nanoseconds: 1_999_999_999).seconds == 1)
    }
}
