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
        ]

        @Test(.timeLimit(.minutes(6))) func theWholeWorksOnTheKernelsWireGuard() throws {
            let (status, output) = try Guest.test(
                Self.tests.flatMap { ["--filter", $0] },
                programs: ["tollkeeper", "tollkeeper-agent"], tools: ["ip", "wg", "ping"],
                first: [
                    "ip link add host0 type dummy",
                    "ip address add \(Self.address)/24 dev host0", "ip link set host0 up",
                ], seconds: 300, memory: 2048)
            let failed = Self.tests.filter { !output.contains("\($0)() passed") }
            #expect(
                status == 0 && failed.isEmpty, "status \(status), failed: \(failed)\n\(output)")
        }
    }
}
