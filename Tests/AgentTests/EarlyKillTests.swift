import Accounting
import AgentProtocol
import Foundation
import Ledger
import Meters
import Netlink
import TestSupport
import Testing

@testable import Agent

/// `kill -9` in the middle of changes of the agent's own table.
@Suite struct EarlyKillTests {
    /// Times that it is killed.
    private static let kills = Chance.count("TEST_KILLS", usual: 30)

    private func ledger(in folder: TemporaryFolder, shutting ports: Range<UInt16>) throws {
        let id = String(repeating: "ab", count: 16)
        let ledger = try Ledger.open(path: "\(folder.path)/ledger.sqlite", id: id, instance: id)
        var desired = WireDesired()
        desired.revision = 1
        desired.whole = true
        desired.entries = try ports.enumerated().map { index, port in
            var entry = WireDesiredEntry()
            entry.credential = UInt64(index + 1)
            entry.meter = "ports/inet"
            entry.key = "tcp/\(port)"
            entry.revision = 1
            entry.access = WireAccess(.shut)
            return .init(try entry.encoded())
        }
        try ledger.adopt(desired)
    }

    private func content(_ ports: Range<UInt16>) -> OwnContent {
        let keys = Set(ports.compactMap { PortList($0) }.map { PortKey.ports(.tcp, $0) })
        return OwnContent(counted: keys, shut: keys)
    }

    @Test func aKillLeavesTheOldTableOrTheNew() throws {
        try #require(geteuid() == 0, "namespaces need root")
        let host = try Namespace()
        let table = try OwnTable.open(in: .path("/run/netns/\(host.name)"))
        let (one, other) = (try TemporaryFolder(), try TemporaryFolder())
        let sides = [(one, UInt16(30)..<300), (other, UInt16(200)..<700)]
        for (folder, ports) in sides { try ledger(in: folder, shutting: ports) }
        let start = { (folder: TemporaryFolder) in
            try host.start(
                Command.built("tollkeeper-agent"), "early", "--state-dir", folder.path)
        }
        let clock = ContinuousClock()
        var longest = Duration.zero
        for (folder, ports) in sides {
            let before = clock.now
            let job = try start(folder)
            #expect(job.wait(limit: 60) == 0)
            longest = max(longest, clock.now - before)
            #expect(try table.holds(content(ports)))
        }
        var (old, new) = (0, 0)
        for kill in 0..<Self.kills {
            let job = try start(sides[kill % 2].0)
            usleep(UInt32.random(in: 0...UInt32(longest / .microseconds(1))))
            job.signal(SIGKILL)
            job.wait(limit: 10)
            let isNew = try table.holds(content(sides[kill % 2].1))
            if isNew { new += 1 } else { old += 1 }
            let isOld = try table.holds(content(sides[(kill + 1) % 2].1))
            #expect(isNew || isOld)
            // The next one begins from the other side's table.
            if !isNew { try table.apply(content(sides[kill % 2].1)) }
        }
        print("killed \(Self.kills) times: \(old) old tables, \(new) new ones")
    }
}
