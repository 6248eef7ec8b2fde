import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Cuts the guest's power while both programs work there on kernel WireGuard, with their
    /// state on a disk that loses what was not flushed. `make kills CUTS=20` does it more often.
    @Suite(.enabled(if: !Guest.isHere, "boots the guest")) struct PowerCutTests {
        static let cuts = Chance.count("TEST_CUTS", usual: 1)

        @Test(.timeLimit(.minutes(10 * cuts)))
        func nothingThatWasShownIsLostAtAPowerCut() throws {
            var random = SeededRandom(seed: Chance.seed(of: "power cut"))
            for _ in 0..<Self.cuts { try cut(&random) }
        }

        private func cut(_ random: inout SeededRandom) throws {
            let disk = try Guest.Disk(megabytes: 64)
            let delay = Int.random(in: 3000...15_000, using: &random)
            let (status, before) = try boot(
                "worksUntilThePowerIsCut", disk, ["export TEST_CUT=\(delay)"], &random)
            try #require(status == Guest.cut, "status \(status)\n\(before)")
            let shown = Shown(before)
            try #require(
                shown.shut.contains("carol") && shown.booked.count == 2
                    && shown.counted.count == 2, "\(before)")

            let test = "whatWasShownIsThereAfterThePowerCut"
            let (after, output) = try boot(
                test, disk, ["export TEST_SHOWN='\(shown.text)'"], &random)
            #expect(
                after == 0 && output.contains("\(test)() passed"),
                "status \(after), cut after \(delay) ms, shown: \(shown.text)\n\(output)")
        }

        /// Lets the guest write to its disk soon after a program did, so that something is under
        /// way, and not flushed, at most moments.
        private static let hurry = ["expire", "writeback"].map {
            "echo 5 > /proc/sys/vm/dirty_\($0)_centisecs"
        }

        private func boot(
            _ test: String, _ disk: Guest.Disk, _ first: [String], _ random: inout SeededRandom
        ) throws -> (status: Int32, output: String) {
            let socket = try disk.start(seed: random.next())
            defer { print(disk.stop(), terminator: "") }
            return try Guest.test(
                ["--filter", test], programs: ["tollkeeper", "tollkeeper-agent"],
                tools: ["ip", "wg", "ping"],
                first: Self.hurry + ["export TEST_TAG=cut"] + first,
                seconds: 200, memory: 2048, disk: socket, cut: Shown.cut)
        }
    }
}
