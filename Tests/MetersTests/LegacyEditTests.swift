import Accounting
import Foundation
import Netlink
import Synchronization
import TestSupport
import Testing

@testable import Meters

/// Tables of iptables-legacy that change, and readers that may not read them.
@Suite struct LegacyEditTests {
    static func rules(_ count: Int, _ line: (Int) -> String) -> String {
        "*filter\n" + (0..<count).map { "-A \(line($0))\n" }.joined() + "COMMIT\n"
    }

    @Test func noValueIsLowerForAMomentWhileOthersEdit() throws {
        let hosts = try FilterHosts()
        let rules = Self.rules(300) { "INPUT -p udp -m udp --dport \(3000 + $0)" }
        try hosts.run("iptables-legacy-restore", input: rules)
        let service = FilterHosts.Service(port: 3299, isTCP: false)
        for _ in 0..<20 { try hosts.talk(to: service, sent: 1000, answered: 1) }
        let edit = """
            while :; do
                iptables-legacy -I INPUT 1 -p tcp --dport 9
                iptables-legacy -I INPUT 300 -p tcp --dport 9
                iptables-legacy -D INPUT 1
                iptables-legacy -D INPUT 299
            done
            """
        let editor = try hosts.start("bash", "-c", edit)
        defer { editor.stop() }
        var reader = LegacyReader(
            in: hosts.namespace, lockFile: hosts.lockFile, patience: .seconds(30))
        var last = try Self.counter("udp/3299", in: try reader.read())
        #expect(last.bytes == 20 * 1028)
        var shapes: Set<UInt64> = []
        for round in 0..<300 {
            if round % 10 == 0 { try hosts.talk(to: service, sent: 1000, answered: 1) }
            let reading = try reader.read()
            shapes.insert(reading.shape)
            let now = try Self.counter("udp/3299", in: reading)
            #expect(now.bytes >= last.bytes)
            #expect(now.identity == last.identity)
            last = now
        }
        #expect(last.bytes == 50 * 1028)
        #expect(shapes.count > 1, "nothing was edited meanwhile")
    }

    @Test func aRuleKeepsItsNameWhereverItStands() throws {
        let hosts = try FilterHosts()
        let names = { (lines: [String]) in
            let text =
                "*filter\n:A - [0:0]\n:B - [0:0]\n\(lines.map { "-A \($0)\n" }.joined())COMMIT\n"
            try hosts.run("iptables-legacy-restore", input: text)
            var reader = LegacyReader(in: hosts.namespace, lockFile: hosts.lockFile)
            return try reader.read().counters.map(\.identity)
        }
        let (one, jump) = ("INPUT -p tcp --dport 1", "INPUT -s 10.0.0.1 -j B")
        let (two, inB) = ("INPUT -p tcp --dport 1 -j ACCEPT", "B -p tcp --dport 1")
        let first = try names([one, one, jump, two, inB])
        #expect(Set(first).count == 5)
        #expect(first[1] == first[0] + "#2")
        let second = try names([
            "INPUT -i lo -j A", "A -p udp", two, jump, one, "B -p udp", inB, one,
        ])
        #expect(second == [first[3], first[2], first[0], first[1], first[4]])
        let third = try names([one, "INPUT -s 10.0.0.1 -j A"])
        #expect(third[0] == first[0])
        #expect(third[1] != first[2])
    }

    @Test func replacedZeroedAndFlushedRulesAreSeenAsTheyAre() throws {
        let hosts = try FilterHosts()
        var reader = LegacyReader(in: hosts.namespace, lockFile: hosts.lockFile)
        let read = { try reader.read().counters }
        try hosts.run("iptables-legacy", "-A", "INPUT", "-p", "udp", "--dport", "53")
        try hosts.run("iptables-legacy", "-A", "INPUT", "-p", "udp", "--dport", "54")
        try hosts.talk(to: .init(port: 53, isTCP: false), sent: 100, answered: 1)
        let before = try read()
        #expect(before.map(\.bytes) == [128, 0])
        try hosts.run("iptables-legacy", "-R", "INPUT", "2", "-p", "udp", "--dport", "55")
        let replaced = try read()
        #expect(replaced.map { "\($0.key)" } == ["udp/53", "udp/55"])
        #expect(replaced[0] == before[0])
        #expect(replaced[1].identity != before[1].identity)
        try hosts.run("iptables-legacy", "-Z", "INPUT", "1")
        #expect(try read().map(\.packets) == [0, 0])
        try hosts.run("iptables-legacy", "-F")
        #expect(try read().isEmpty)
        try hosts.run("iptables-legacy", "-A", "INPUT", "-p", "udp", "--dport", "53")
        #expect(try read().map(\.identity) == [before[0].identity])
    }

    @Test func noTableAndNoLockComesToBeByReading() throws {
        let hosts = try FilterHosts()
        var reader = LegacyReader(in: hosts.namespace, lockFile: hosts.lockFile)
        #expect(try reader.read().counters.isEmpty)
        for file in ["ip_tables_names", "ip6_tables_names"] {
            #expect(try hosts.run("cat", "/proc/net/\(file)") == "")
        }
        try hosts.run("ip6tables-legacy", "-A", "INPUT", "-p", "tcp", "--dport", "80")
        try FileManager.default.removeItem(atPath: hosts.lockFile)
        #expect(try reader.read().counters.map(\.families) == [.ipv6])
        #expect(try hosts.run("cat", "/proc/net/ip_tables_names") == "")
        #expect(!FileManager.default.fileExists(atPath: hosts.lockFile))
    }

    @Test func whereOthersHoldTheLockThereIsNoReading() throws {
        let hosts = try FilterHosts()
        try hosts.run("iptables-legacy", "-A", "INPUT", "-p", "tcp", "--dport", "80")
        var reader = LegacyReader(
            in: hosts.namespace, lockFile: hosts.lockFile, patience: .milliseconds(50))
        let holder = open(hosts.lockFile, O_RDONLY | O_CLOEXEC)
        defer { close(holder) }
        try #require(flock(holder, LOCK_EX) == 0)
        let error = #expect(throws: MeterError.self) { try reader.read() }
        #expect(error?.code == .interrupted)
        #expect(error?.description.contains(hosts.lockFile) == true)
        flock(holder, LOCK_UN)
        #expect(try reader.read().counters.count == 1)
        // The lock is let go at once.
        #expect(flock(holder, LOCK_EX | LOCK_NB) == 0)
    }

    @Test func chainsHaveTheHooksThatLeadToThem() throws {
        let hosts = try FilterHosts()
        let lines = [
            "INPUT -j TO", "TO -p tcp --dport 1", "TO -p tcp --sport 2", "FORWARD -j BOTH",
            "INPUT -j BOTH", "BOTH -p tcp --dport 3", "BOTH -p tcp --sport 4", "OUTPUT -g FROM",
            "FROM -p udp --sport 5", "FORWARD -p udp --sport 6", "FORWARD -p udp --dport 7",
            "FORWARD -j MIXED", "OUTPUT -j MIXED", "MIXED -p tcp --dport 8",
            "MIXED -p tcp --sport 9",
            "DEEP -p tcp --dport 10", "TO -j DEEP", "NONE -p tcp --dport 11",
        ]
        let chains = ["TO", "BOTH", "FROM", "MIXED", "DEEP", "NONE"]
        try hosts.run(
            "iptables-legacy-restore",
            input: "*filter\n\(chains.map { ":\($0) - [0:0]\n" }.joined())"
                + "\(lines.map { "-A \($0)\n" }.joined())COMMIT\n*mangle\n:PRE - [0:0]\n"
                + "-A PREROUTING -j PRE\n-A INPUT -j PRE\n-A PRE -p tcp --dport 12\n"
                + "-A POSTROUTING -p tcp --sport 13\nCOMMIT\n"
                + "*nat\n-A PREROUTING -p tcp --dport 14 -j REDIRECT --to-ports 15\nCOMMIT\n")
        var reader = LegacyReader(in: hosts.namespace, lockFile: hosts.lockFile)
        let found = Set(try reader.read().counters.map { "\($0.key) \($0.direction.rawValue)" })
        #expect(
            found == [
                "tcp/1 in", "tcp/3 in", "udp/5 out", "udp/6 out", "udp/7 in", "tcp/9 out",
                "tcp/10 in", "tcp/13 out",
            ])
    }

    @Test func withoutTheRightItIsDeniedInWords() throws {
        let hosts = try FilterHosts()
        try hosts.run("iptables-legacy", "-A", "INPUT", "-p", "tcp", "--dport", "80")
        let (namespace, lockFile) = (hosts.namespace, hosts.lockFile)
        let error = try Unprivileged.run(without: 12) { () -> MeterError? in
            var reader = LegacyReader(in: namespace, lockFile: lockFile)
            do {
                _ = try reader.read()
                return nil
            } catch { return error as? MeterError }
        }
        #expect(error?.code == .denied)
        #expect(error?.reason.contains("CAP_NET_ADMIN") == true)
    }

    @Test(arguments: [false, true])
    func fiftyThousandRulesAreReadAsTheToolPrintsThem(isIPv6: Bool) throws {
        let hosts = try FilterHosts()
        let program = isIPv6 ? "ip6tables" : "iptables"
        let text = Self.rules(50_000) { number in
            let transport = number < 25_000 ? "tcp" : "udp"
            return "INPUT -p \(transport) -m \(transport) --dport \(number % 25_000 + 1)"
        }
        try hosts.run("\(program)-legacy-restore", input: text)
        for port: UInt16 in [1, 9_999, 25_000] {
            try hosts.talk(
                to: .init(port: port, isIPv6: isIPv6, isTCP: false), sent: 9, answered: 9)
        }
        var reader = LegacyReader(in: hosts.namespace, lockFile: hosts.lockFile)
        let first = try reader.read()
        let counters = first.counters
        try #require(counters.count == 50_000)
        #expect(Set(counters.map(\.identity)).count == 50_000)
        #expect(Set(counters.map(\.key)).count == 50_000)
        let printed = try LegacyTrafficTests.printed(try hosts.run("\(program)-legacy-save", "-c"))
        #expect(counters.map { "\($0.packets):\($0.bytes)" } == printed)
        #expect(counters.count { $0.packets == 1 } == 3)
        #expect(try reader.read().shape == first.shape)
    }

    static func counter(_ key: String, in reading: LegacyReading) throws -> FilterCounter {
        try #require(reading.counters.first { $0.key == PortKey(key) })
    }
}

/// A thread that lacks one capability.
enum Unprivileged {
    private typealias CapSet =
        @convention(c) (
            UnsafeMutablePointer<UInt32>, UnsafeMutablePointer<UInt32>
        ) -> Int32

    /// Runs `body` on a thread without the capability `number`, and waits for it.
    static func run<Value: Sendable>(
        without number: UInt32, _ body: @escaping @Sendable () -> Value
    ) throws -> Value {
        let outcome = Outcome<Value>()
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            if drop(number) { outcome.value.withLock { $0 = body() } }
            done.signal()
        }
        thread.start()
        done.wait()
        return try #require(outcome.value.withLock { $0 }, "the right could not be given up")
    }

    private static func drop(_ number: UInt32) -> Bool {
        // glibc has these calls, but no header of its own says so.
        guard let get = dlsym(nil, "capget"), let set = dlsym(nil, "capset") else { return false }
        var header: [UInt32] = [0x2008_0522, 0]
        var sets = [UInt32](repeating: 0, count: 6)
        guard unsafeBitCast(get, to: CapSet.self)(&header, &sets) == 0 else { return false }
        sets[0] &= ~(1 << number)
        return unsafeBitCast(set, to: CapSet.self)(&header, &sets) == 0
    }

    private final class Outcome<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }
}
