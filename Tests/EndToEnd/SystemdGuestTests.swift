import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Boots a Debian with systemd that has both programs and units as `make install-…` lays them
    /// out, and runs `SystemdChecks` there.
    @Suite(.enabled(if: !Guest.isHere, "boots the guest")) struct SystemdGuestTests {
        private static let tests = [
            "anAgentThatHasNotJoinedIsNotStarted",
            "bothAreReadyByTheirOwnWordAndWatched",
            "theAgentIsRootWithOneCapability",
            "theControllerIsAUserOfItsOwnWithoutCapabilities",
            "nobodyButRootMayUseTheControllersSocket",
            "settingsThatTheControllersUserMayNotReadAreTold",
            "theControllerMayRaiseItsLimitOfFiles",
            "whatIsKilledIsStartedAgainAndCountedOnToTheByte",
            "whatIsShutAndOpenedIsShutAndOpened",
            "aReloadIsTaken",
            "aStopIsCleanAndPushesTheLastReading",
            "whoLivesIsLeftAloneAndWhoHangsIsStartedAgain",
        ]

        @Test(.timeLimit(.minutes(30))) func theUnitsWorkUnderSystemd() throws {
            try #require(geteuid() == 0, "a Debian is made by root")
            let installed = try TemporaryFolder()
            for program in ["agent", "controller"] {
                try Command.run(
                    [Guest.repository.appending(path: "scripts/install").path, program],
                    environment: [
                        "DESTDIR": installed.path,
                        "TOLLKEEPER_BIN": URL(filePath: Command.built("tollkeeper"))
                            .deletingLastPathComponent().path,
                    ])
            }
            let (status, output) = try Guest.test(
                Self.tests.flatMap { ["--filter", $0] }, installed: installed.path, seconds: 1800,
                memory: 2048)
            let failed = Self.tests.filter { !output.contains("\($0)() passed") }
            #expect(
                status == 0 && failed.isEmpty, "status \(status), failed: \(failed)\n\(output)")
        }
    }
}
