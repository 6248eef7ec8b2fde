import Foundation
import TestSupport
import Testing

@testable import Meters

@Suite struct ResetSuspectsTests {
    @Test func programsThatSetUpPeersAreNamedOnceEach() throws {
        let folder = try TemporaryFolder()
        for (process, name) in [
            ("12", "wg-portal\n"), ("13", "wg-portal\n"), ("14", "bash\n"), ("15", ""),
            ("self", "netbird\n"), ("99999", "systemd-network\n"),
        ] {
            try FileManager.default.createDirectory(
                atPath: "\(folder.path)/\(process)", withIntermediateDirectories: true)
            try folder.write(name, to: "\(process)/comm")
        }
        try FileManager.default.createDirectory(
            atPath: "\(folder.path)/16", withIntermediateDirectories: true)
        #expect(ResetSuspects.running(in: folder.path) == ["systemd-network", "wg-portal"])
        #expect(ResetSuspects.running(in: "\(folder.path)/none").isEmpty)
    }

    @Test func aProgramThatRunsIsSeen() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.copyItem(atPath: "/bin/sleep", toPath: "\(folder.path)/kilo")
        let job = try Job(["\(folder.path)/kilo", "100"])
        defer { job.stop() }
        #expect(eventually { ResetSuspects.running().contains("kilo") })
    }

    @Test func noNameIsLongerThanTheKernelKeeps() {
        #expect(ResetSuspects.known.allSatisfy { $0.utf8.count <= 15 })
    }
}
