import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Boots the guest and runs both programs there on the kernel's WireGuard: the checks that
    /// only it can pass, and tests that run on wireguard-go here.
    @Suite(.enabled(if: !Guest.isHere, "boots the guest")) struct FleetGuestTests {
        /// An address of the guest that is not loopback.
        static let address = "10.9.0.1"

        private static let tests = [
            "totalsEqualWireGuardsOverKillsOfBothPrograms",
            "aRevokedPeerStaysOutWhateverBringsItBack",
            "aRevokedPeerIsBlockedAtOnceAndRemovedWhenItsLastBytesAreBooked",
            "aRestoredPeerWorksAtOnceWithItsPresharedKeyAndIsCountedOn",
            "aPeerAddedAgainThatPassedItsOldCountersUnseenIsCountedWhole",
            "totalsStayExactOverRandomKillsUnderTraffic",
            "anAgentWithoutSpaceCountsOnAndShutsAndRecovers",
            "anAgentThatStartsWithoutSpaceBlocksAndGoesOn",
        ]

        @Test(.timeLimit(.minutes(25))) func theWholeWorksOnTheKernelsWireGuard() throws {
            let (status, output) = try Guest.test(
                Self.tests.flatMap { ["--filter", $0] },
                programs: ["tollkeeper", "tollkeeper-agent"], tools: ["ip", "wg", "ping"],
                first: [
                    "ip link add host0 type dummy",
                    "ip address add \(Self.address)/24 dev host0", "ip link set host0 up",
                ], seconds: 1500, memory: 2048)
            let failed = Self.tests.filter { !output.contains("\($0)() passed") }
            #expect(
                status == 0 && failed.isEmpty, "status \(status), failed: \(failed)\n\(output)")
        }
    }
}

extension EndToEnd {
    /// As many kills in the guest as `make kills` asks for; `make test` has a few among the above.
    @Suite(.enabled(if: !Guest.isHere && Chance.isGiven("TEST_KILLS"), "for make kills"))
    struct KillGuestTests {
        @Test(.timeLimit(.minutes(10 + KillTests.kills / 4)))
        func totalsStayExactOnTheKernelsWireGuard() throws {
            let seed = Chance.seed(of: "kills in the guest")
            let test = "totalsStayExactOverRandomKillsUnderTraffic"
            let (status, output) = try Guest.test(
                ["--filter", test], programs: ["tollkeeper", "tollkeeper-agent"],
                tools: ["ip", "wg", "ping"],
                first: [
                    "export TEST_SEED=\(seed) TEST_KILLS=\(KillTests.kills)"
                ], seconds: 300 + KillTests.kills * 15, memory: 2048)
            print(output.split(separator: "\n").filter { $0.hasPrefix("kills") }.joined())
            #expect(status == 0 && output.contains("\(test)() passed"), "\(output)")
        }
    }
}
