import API
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// What the units promise, with a real systemd as the first process.
    @Suite(.enabled(if: Guest.hasSystemd, "runs in the guest that SystemdGuestTests boots"))
    struct SystemdChecks {
        private func host() throws -> VPNHost {
            let host = try VPNHost.shared.get()
            try host.awaitBoth()
            return host
        }

        @Test func anAgentThatHasNotJoinedIsNotStarted() throws {
            #expect(try host().beforeJoin == "inactive")
        }

        @Test func bothAreReadyByTheirOwnWordAndWatched() throws {
            _ = try host()
            for unit in Unit.both {
                #expect(try unit.property("Type") == "notify")
                #expect(try unit.property("UnitFileState") == "enabled")
                #expect(try unit.property("WatchdogUSec") == "1min")
                #expect(try unit.status("NoNewPrivs") == ["1"])
                #expect(try unit.status("Seccomp") == ["2"])
            }
        }

        @Test func theAgentIsRootWithOneCapability() throws {
            _ = try host()
            let netAdmin = ["0000000000001000"]
            #expect(try Unit.agent.status("Uid") == ["0", "0", "0", "0"])
            #expect(try Unit.agent.status("CapBnd") == netAdmin)
            #expect(try Unit.agent.status("CapEff") == netAdmin)
            #expect(try Unit.agent.status("CapPrm") == netAdmin)
        }

        @Test func theControllerIsAUserOfItsOwnWithoutCapabilities() throws {
            _ = try host()
            let uids = Set(try Unit.controller.status("Uid").compactMap { Int($0) })
            // systemd.exec(5): the range of dynamic users.
            #expect(uids.count == 1 && uids.allSatisfy { (61_184...65_519).contains($0) })
            #expect(try Unit.controller.status("CapBnd") == ["0000000000000000"])
            #expect(try Unit.controller.status("CapEff") == ["0000000000000000"])
            for file in ["", "/store.sqlite", "/controller.sock"] {
                let path = "/var/lib/tollkeeper" + file
                let owner = try Command.run("stat", "--dereference", "--format", "%u", path)
                #expect(Int(owner.trimmingCharacters(in: .newlines)) == uids.first, "\(path)")
            }
        }

        @Test func nobodyButRootMayUseTheControllersSocket() throws {
            _ = try host()
            let list = ["tollkeeper", "server", "list"]
            try Command.run(list)
            let group = try #require(try Unit.controller.status("Gid").first)
            // Not even with the group's id: the folder above lets nobody in.
            let other = ["setpriv", "--reuid", "65534", "--regid", group, "--clear-groups"]
            let error = #expect(throws: CommandFailure.self) { try Command.run(other + list) }
            let words = error?.errors ?? ""
            #expect(words.contains("you may not use"), "\(words)")
        }

        @Test func settingsThatTheControllersUserMayNotReadAreTold() throws {
            _ = try host()
            let settings = "/etc/tollkeeper/controller.conf"
            chmod(settings, 0o600)
            defer { chmod(settings, 0o644) }
            let restart = ["systemctl", "restart", Unit.controller.name]
            #expect(throws: CommandFailure.self) { try Command.run(restart) }
            #expect(eventually { Unit.controller.journal.contains("\(settings): the user") })
        }

        @Test func theControllerMayRaiseItsLimitOfFiles() throws {
            _ = try host()
            #expect(try Unit.controller.fileLimits() == ["65536", "65536"])
            try Unit.controller.change("LimitNOFILE=1024:4096")
            #expect(try Unit.controller.fileLimits() == ["4096", "4096"])
            try Unit.controller.reset()
        }

        @Test func whatIsKilledIsStartedAgainAndCountedOnToTheByte() throws {
            let host = try host()
            let mark = try host.mark()
            for unit in Unit.both {
                let pid = try unit.pid()
                let restarts = try unit.restarts()
                try unit.systemctl("kill", "--signal", "KILL")
                try host.ping(count: 30, size: 900)
                let isBack = try eventually {
                    try unit.isRunning() && unit.restarts() == restarts + 1
                }
                #expect(isBack, "\(unit.journal)")
                #expect(try unit.pid() != pid)
                try host.ping(count: 10)
                #expect(try host.isExact(since: mark), "\(unit.journal)")
            }
            #expect(try #require(try host.truth()).sent > mark.truth.sent + 60 * 900)
        }

        @Test func whatIsShutAndOpenedIsShutAndOpened() throws {
            let host = try host()
            #expect(host.reachesServer())
            let before = try host.mark()
            try Command.run("tollkeeper", "client", "revoke", "alice", "--wait", "60s")
            #expect(!host.reachesServer())
            #expect(try eventually { try host.truth() == nil })
            try Command.run("tollkeeper", "client", "restore", "alice", "--wait", "60s")
            #expect(eventually { host.reachesServer() })
            let after = try host.mark()
            #expect(after.booked.sent >= before.booked.sent + after.truth.sent)
        }

        @Test func aReloadIsTaken() throws {
            _ = try host()
            let settings = try String(contentsOfFile: VPNHost.agentSettings, encoding: .utf8)
            let pid = try Unit.agent.pid()
            #expect(try mode() == "enforce")
            try VPNHost.write(settings + "MODE=observe", to: VPNHost.agentSettings)
            try Unit.agent.systemctl("reload")
            #expect(try eventually { try mode() == "observe" })
            try VPNHost.write(settings, to: VPNHost.agentSettings)
            try Unit.agent.systemctl("reload")
            #expect(try eventually { try mode() == "enforce" })
            #expect(try Unit.agent.pid() == pid)
        }

        @Test func aStopIsCleanAndPushesTheLastReading() throws {
            let host = try host()
            let mark = try host.mark()
            try host.ping(count: 20)
            let pinged = try #require(try host.truth())
            for unit in Unit.both {
                try unit.systemctl("stop")
                // Not "timeout" nor "signal": it ended by itself, with 0.
                #expect(try unit.property("Result") == "success", "\(unit.journal)")
                #expect(try unit.property("ExecMainCode") == "1", "\(unit.journal)")
                #expect(try unit.property("ExecMainStatus") == "0", "\(unit.journal)")
                #expect(try unit.property("ActiveState") == "inactive", "\(unit.journal)")
            }
            try Unit.controller.systemctl("start")
            #expect(try host.hasBooked(pinged, since: mark), "\(Unit.agent.journal)")
        }

        @Test func whoLivesIsLeftAloneAndWhoHangsIsStartedAgain() throws {
            _ = try host()
            for unit in Unit.both { try unit.change("WatchdogSec=15") }
            let began = ContinuousClock.now
            let pids = try Unit.both.map { try $0.pid() }
            while began.duration(to: .now) < .seconds(35) { usleep(500_000) }
            #expect(try Unit.both.map { try $0.pid() } == pids)
            for unit in Unit.both {
                #expect(try unit.restarts() == 0, "\(unit.journal)")
                try unit.systemctl("kill", "--signal", "STOP")
            }
            for unit in Unit.both {
                let isBack = try eventually(within: 30) {
                    try unit.isRunning() && unit.restarts() == 1
                }
                #expect(isBack, "\(unit.journal)")
                #expect(unit.journal.contains("Watchdog timeout"))
                try unit.reset()
            }
        }

        private func mode() throws -> String {
            struct Status: Decodable { var mode: String }
            let text = try Command.run("tollkeeper-agent", "status", "--json")
            return try JSONDecoder().decode(Status.self, from: Data(text.utf8)).mode
        }
    }
}
