import API
import Accounting
import Foundation
import Ledger
import TestSupport
import Testing

extension EndToEnd {
    /// The two halves of a power cut: what runs until it, and what is there after it.
    @Suite(.enabled(if: Guest.isHere, "runs in the guest that PowerCutTests boots"))
    struct PowerCutChecks {
        /// The same host at both boots: its names, its keys, and its state folders on the disk.
        private func tunnel() throws -> Tunnel {
            let secrets = try TemporaryFolder(keeping: "/disk/secrets")
            return try Tunnel(clients: ["alice", "bob", "carol", "dave"], secrets: secrets.path)
        }

        private func fleet(_ tunnel: Tunnel) throws -> Fleet {
            try Fleet(
                tunnel, port: 8440, interval: "300ms",
                in: try TemporaryFolder(keeping: "/disk/fleet"))
        }

        @Test func worksUntilThePowerIsCut() throws {
            let tunnel = try tunnel()
            let fleet = try fleet(tunnel)
            try fleet.join()
            try fleet.startAgent()
            #expect(try eventually { try fleet.clients().count == 4 })
            try tunnel.client("alice").ping(count: 20)
            try fleet.tollkeeper("client", "revoke", "carol")
            sync()
            Shown.tell("shut", "carol")
            let traffic = try tunnel.client("bob").pingSteadily()
            defer { traffic.stop() }

            try tell("booked", try fleet.totals(), tunnel)
            try tell("counted", try tunnel.truth(), tunnel)
            let delay = Double(Chance.count("TEST_CUT", usual: 3000)) / 1000
            DispatchQueue.global().asyncAfter(deadline: .now() + delay) {
                FileHandle.standardOutput.write(Data("\(Shown.cut)\n".utf8))
            }
            let end = ContinuousClock.now + .seconds(delay + 60)
            var looks = 0
            while ContinuousClock.now < end {
                if let booked = try? fleet.totals() { try tell("booked", booked, tunnel) }
                try tell("counted", try tunnel.truth(), tunnel)
                looks += 1
                guard looks == 1 else { continue }
                let asked = try fleet.attempt("client", "revoke", "dave", "--no-wait")
                if asked.status == 0 || asked.status == 3 { Shown.tell("shut", "dave") }
            }
            Issue.record("the power was not cut")
        }

        private func tell(_ word: String, _ totals: [String: Total], _ tunnel: Tunnel) throws {
            for name in ["alice", "bob"] {
                guard let total = totals[try tunnel.client(name).keys.publicKey] else { continue }
                Shown.tell(word, name, "\(total.sent)", "\(total.received)")
            }
        }

        @Test func whatWasShownIsThereAfterThePowerCut() throws {
            let shown = Shown(ProcessInfo.processInfo.environment["TEST_SHOWN"] ?? "")
            let tunnel = try tunnel()
            let saved = try savedCounters(of: tunnel)
            let fleet = try fleet(tunnel)
            try fleet.startAgent()
            let sync = try fleet.attempt("server", "sync", "host")
            #expect(sync.status == 0, "\(sync.errors)")

            let alice = try tunnel.client("alice").keys.publicKey
            let bob = try tunnel.client("bob").keys.publicKey
            for (name, key) in [("alice", alice), ("bob", bob)] {
                let counter = try #require(saved[key], "the ledger has no counter of \(name)")
                let booked = try #require(shown.booked[name])
                let counted = try #require(shown.counted[name])
                #expect(booked <= counter, "what was booked of \(name) is lost")
                #expect(counter <= counted + Shown.slack, "\(name) was counted beyond the truth")
            }
            // What is booked is what the last saved reading showed, and what is counted since.
            let isExact = {
                let (booked, truth) = (try fleet.totals(), try tunnel.truth())
                return [alice, bob].allSatisfy { key in
                    guard let before = saved[key], let now = truth[key] else { return false }
                    return booked[key] == before + now
                }
            }
            #expect(try eventually(isExact))
            try tunnel.client("bob").ping(count: 30)
            #expect(try eventually(isExact))
            for name in shown.shut {
                #expect(try eventually { try fleet.clients()[name]?.status == .disabled })
                #expect(try !tunnel.client(name).reachesServer(), "\(name) is in again")
            }
        }

        /// Each key's counter as the last reading that is on the disk has it.
        private func savedCounters(of tunnel: Tunnel) throws -> [String: Total] {
            let copy = try TemporaryFolder()
            for suffix in ["", "-wal"] {
                let file = "ledger.sqlite\(suffix)"
                let path = "/disk/fleet/agent/\(file)"
                guard FileManager.default.fileExists(atPath: path) else { continue }
                try FileManager.default.copyItem(atPath: path, toPath: "\(copy.path)/\(file)")
            }
            let path = "\(copy.path)/ledger.sqlite"
            let id = try #require(try Ledger.id(at: path))
            let ledger = try Ledger.open(path: path, id: id, instance: id)
            let place = tunnel.namespace.name
            let meter = MeterName(kind: .wireguard, device: tunnel.interface, place: place)
            let books = ledger.baselines(of: meter).counters
            try #require(books.count == 1, "there were \(books.count) incarnations")
            var totals: [String: Total] = [:]
            for (id, baseline) in books.values.flatMap({ $0 }) {
                totals[id.key.description] = Total(
                    sent: Int64(baseline.value.uplink), received: Int64(baseline.value.downlink))
            }
            return totals
        }
    }
}

/// What the guest said before its power was cut, and nothing after that can be.
struct Shown {
    var booked: [String: Total] = [:]
    var counted: [String: Total] = [:]
    var shut: [String] = []

    /// What may have been counted between the last word and the cut.
    static let slack = Total(sent: 120_000, received: 120_000)

    /// Said when the power is to be cut.
    static let cut = "power:cut:now"

    private static let mark = "shown"
    /// Without it the word was cut too.
    private static let end = "."

    /// Says something that must hold from now on.
    static func tell(_ words: String...) {
        let line = "\(mark):\(words.joined(separator: ":")):\(end)\n"
        FileHandle.standardOutput.write(Data(line.utf8))
    }

    /// Reads what was told, wherever it stands in `output`; the last word counts.
    init(_ output: String) {
        for line in output.split(whereSeparator: \.isWhitespace) {
            var words = line.split(separator: ":").map(String.init)
            guard words.count > 3, words[0] == Self.mark, words.popLast() == Self.end else {
                continue
            }
            if words.count == 5, let sent = Int64(words[3]), let received = Int64(words[4]) {
                let total = Total(sent: sent, received: received)
                if words[1] == "booked" { booked[words[2]] = total }
                if words[1] == "counted" { counted[words[2]] = total }
            } else if words[1] == "shut" {
                shut.append(words[2])
            }
        }
    }

    /// The last words, in one line.
    var text: String {
        let totals = [("booked", booked), ("counted", counted)].flatMap { word, totals in
            totals.map { "\(word):\($0.key):\($0.value.sent):\($0.value.received)" }
        }
        return (totals + shut.map { "shut:\($0)" })
            .map { "\(Self.mark):\($0):\(Self.end)" }.joined(separator: " ")
    }
}
