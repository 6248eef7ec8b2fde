import Foundation
import Testing

/// What is installed on hosts, and what is said of it.
@Suite struct InstallTests {
    private static let pages = ["README.md", "docs/install.md"]

    private func text(_ path: String) throws -> String {
        try String(contentsOf: Source.root.appending(path: path), encoding: .utf8)
    }

    /// The one capture of PATTERN in the file at PATH.
    private func only(_ pattern: Regex<(Substring, Substring)>, in path: String) throws -> String {
        let found = try text(path).matches(of: pattern).map { String($0.1) }
        try #require(found.count == 1, "\(path) has \(found)")
        return found[0]
    }

    @Test func theGuestHasTheLibrariesThatThePagesName() throws {
        let libraries = try only(/\nlibraries=\((.*)\)\n/, in: "Tests/VM/debian")
        for page in Self.pages {
            let named = try only(/\napt-get install --no-install-recommends (.*)\n/, in: page)
            #expect(named == libraries, "\(page)")
        }
    }

    @Test func bothProgramsShowOneVersion() throws {
        let agent = try only(
            /\nlet version = "(.*)"\n/, in: "Sources/Agent/Agent/HostFacts.swift")
        let controller = try only(
            /static let current = "(.*)"\n/,
            in: "Sources/Controller/Server/Operators/HealthRoutes.swift")
        #expect(agent == controller)
    }

    @Test func everyUnitHasItsSettingsAndManual() throws {
        let files = FileManager.default
        let units = try files.contentsOfDirectory(atPath: Source.root.path + "/systemd").filter {
            $0.hasSuffix(".service")
        }
        #expect(
            units.sorted() == [
                "tollkeeper-agent-early.service", "tollkeeper-agent.service", "tollkeeper.service",
            ])
        let manuals = try files.contentsOfDirectory(atPath: Source.root.path + "/docs/manual")
        for unit in units {
            let program = unit.replacing("-early", with: "").dropLast(".service".count)
            let started = try only(/\nExecStart=\/usr\/bin\/(\S+)/, in: "systemd/\(unit)")
            #expect(started == program)
            #expect(manuals.contains { $0.dropLast(2) == program }, "\(program) has no manual")
        }
    }

    @Test func theNetworkComesUpWhetherOrNotTheEarlyUnitDoes() throws {
        let unit = try text("systemd/tollkeeper-agent-early.service")
        for line in [
            "DefaultDependencies=no", "Wants=network-pre.target", "Type=oneshot",
            "TimeoutStartSec=10", "TimeoutStopSec=5",
            "ExecStart=/usr/bin/tollkeeper-agent early",
        ] {
            #expect(unit.contains("\n\(line)\n"), "\(line)")
        }
        #expect(unit.contains("\nBefore=network-pre.target "))
        #expect(unit.contains(" network-online.target "))
        // Not even a mount, nor what all services wait for: no order may close into a ring.
        #expect(!unit.contains("Requires="))
        #expect(!unit.contains("\nRequiresMountsFor="))
        #expect(!unit.contains("\nStateDirectory="))
        #expect(!unit.contains("Before=sysinit.target"))
        #expect(!unit.contains("RequiredBy="))
        let agent = try text("systemd/tollkeeper-agent.service")
        #expect(agent.contains("\nAlso=tollkeeper-agent-early.service\n"))
        #expect(try text("scripts/layout.sh").contains("tollkeeper-agent-early.service"))
    }
}
