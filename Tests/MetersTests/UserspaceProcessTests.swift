import Foundation
import Testing

@testable import Meters

@Suite struct UserspaceProcessTests {
    static let tail = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21\n"

    @Test(arguments: [
        "", "1", "1 (a", "1 (a)", "1 (a) S", "1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18",
        "1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242",
        "1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 -1 20\n",
        "1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18  20\n",
    ])
    func aStatusWithoutItsFieldIsRefused(_ text: String) {
        #expect(startTicks(text) == nil)
    }

    @Test(arguments: ["a", "a b", "a) S 1 (b", "))", "(", ""])
    func theProgramsNameMayHoldAnything(_ name: String) {
        #expect(startTicks("77 (\(name)) \(Self.tail)") == 4242)
    }

    @Test func ourOwnStartIsBeforeNow() throws {
        let ticks = try UserspaceProcess.startTicks(of: getpid(), in: "/proc", doing: "test")
        var uptime = timespec()
        clock_gettime(CLOCK_BOOTTIME, &uptime)
        #expect(ticks > 0)
        #expect(ticks <= UInt64(uptime.tv_sec + 1) * UInt64(sysconf(Int32(_SC_CLK_TCK))))
    }

    @Test func aProcessThatIsNotThereIsAbsent() {
        #expect {
            try UserspaceProcess.startTicks(of: .max, in: "/proc", doing: "test")
        } throws: { ($0 as? MeterError)?.code == .absent }
    }

    private func startTicks(_ text: String) -> UInt64? {
        let bytes = Array(text.utf8)
        return UserspaceProcess.startTicks(in: bytes.span.bytes)
    }
}
