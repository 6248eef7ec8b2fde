import AgentProtocol
import Foundation
import FuzzTargets
import SwiftProtobuf

@testable import Store

/// An agent that has joined, with two keys, beside another whose totals nothing may touch.
struct FuzzedAgent {
    let bench: StoreBench
    let call: AgentCall
    private let other: AgentCall
    private let credentials: [Int64]
    private let untouched: Int64
    /// What the other's credential was booked.
    private static let total: UInt64 = 4711
    private var applied: Int64 = 0
    private var digest: [UInt8] = []
    /// The highest running totals, and the sums of first values, that were ever named.
    private var named: [Int64: Named] = [:]

    private struct Named {
        var uplink: UInt64 = 0
        var downlink: UInt64 = 0
        var baselines: UInt64 = 0
    }

    init(_ bench: StoreBench, host: WireHost = WireHost()) async throws {
        self.bench = bench
        call = try await Self.join(bench, host)
        other = try await Self.join(bench, WireHost())
        credentials = try await Self.tell(2, call, bench)
        untouched = try await Self.tell(1, other, bench)[0]
        var rows = WireRows()
        rows.append(credential: untouched, kind: 0, gained: 0, total: Self.total)
        let first = try Self.encoded(rows, sequence: 1, after: [], of: other.ledger)
        var push = WirePush()
        push.batches = [.init(first)]
        _ = try await bench.store.push(push, from: other, receivedAt: bench.now)
    }

    private static func join(_ bench: StoreBench, _ host: WireHost) async throws -> AgentCall {
        let name = UUID().uuidString
        let server = try await bench.store.addServer(name: name, now: bench.now)
        let token = Digest.sha256(Array(name.utf8))
        _ = try await bench.store.addJoinToken(
            JoinOffer(hash: token, isReusable: false, expiresAt: bench.now + 10),
            server: server.id, now: bench.now)
        let ledger = Array(token.prefix(16))
        _ = try await bench.store.join(
            JoinRequest(tokenHash: token, secretHash: token, ledger: ledger, host: host),
            now: bench.now)
        let call = AgentCall(server: server.id, ledger: ledger, start: 1, instance: ledger)
        if let held = try await bench.store.agent(server: server.id) {
            try await bench.store.accept(call, held: held)
        }
        return call
    }

    private static func tell(
        _ count: Int, _ call: AgentCall, _ bench: StoreBench
    ) async throws -> [Int64] {
        var inventory = WireInventory()
        inventory.meters = [.with { $0.name = "wireguard/wg0" }]
        inventory.keys = (0..<count).map { number in
            .with {
                $0.meter = "wireguard/wg0"
                $0.key = Data(Digest.sha256(call.ledger + [UInt8(number)])).base64EncodedString()
                $0.present = true
            }
        }
        let receipt = try await bench.store.take(inventory, from: call, now: bench.now)
        return receipt.assignments.map { Int64($0.credential) }
    }

    /// Notes what the store says that it has applied.
    mutating func note(_ receipt: PushReceipt) {
        (applied, digest) = (receipt.applied, receipt.appliedDigest)
    }

    // MARK: What it sends

    /// The next push, as `choices` has it: most of its batches continue what was applied.
    mutating func push(_ choices: inout Choices) -> WirePush {
        var push = WirePush()
        if !choices.happens(onceIn: 8) { push.now = clock(&choices) }
        var (sequence, previous) = (UInt64(clamping: applied), digest)
        for _ in 0...choices.number(below: 3) {
            sequence = choices.happens(onceIn: 16) ? choices.amount() : sequence &+ 1
            var batch = batch(&choices)
            batch.sequence = sequence
            batch.previous = choices.happens(onceIn: 16) ? .init() : .init(previous)
            var bytes = (try? batch.encoded()) ?? []
            if choices.happens(onceIn: 12), !bytes.isEmpty {
                bytes[choices.number(below: bytes.count)] ^= UInt8(choices.number(below: 256))
            }
            note(bytes)
            previous = Digest.sha256(bytes)
            push.batches.append(.init(bytes))
        }
        return push
    }

    private func clock(_ choices: inout Choices) -> WireClock {
        .with {
            $0.wall = choices.happens(onceIn: 4) ? Int64(bitPattern: choices.amount()) : bench.now
            $0.boot = .init([UInt8](repeating: 7, count: choices.happens(onceIn: 8) ? 3 : 16))
            $0.boottime = choices.amount()
        }
    }

    private func batch(_ choices: inout Choices) -> WireBatch {
        var batch = WireBatch()
        batch.ledger = .init(choices.happens(onceIn: 24) ? other.ledger : call.ledger)
        batch.ticket = choices.happens(onceIn: 8) ? choices.amount() : 0
        batch.buckets = (0..<choices.number(below: 3)).map { _ in
            .with { ($0.first, $0.last) = (clock(&choices), clock(&choices)) }
        }
        batch.incarnations = ["one", "two"]
        if choices.happens(onceIn: 12) { batch.catchUp.complete = choices.happens(onceIn: 2) }
        for _ in 0..<choices.number(below: 5) { row(&choices, &batch.rows) }
        if choices.happens(onceIn: 12) { _ = batch.rows.kind.popLast() }
        if choices.happens(onceIn: 12) { _ = batch.rows.rawUplink.popLast() }
        return batch
    }

    private func row(_ choices: inout Choices, _ rows: inout WireRows) {
        let all = credentials + credentials + [untouched, 0]
        rows.append(
            credential: all[choices.number(below: all.count)], kind: choices.number(below: 6),
            gained: choices.amount(), total: choices.amount(),
            bucket: UInt32(choices.number(below: 3)), counters: UInt32(choices.number(below: 2)),
            handshake: Int64(bitPattern: choices.amount()))
    }

    /// Remembers what a batch names, however it came about.
    private mutating func note(_ bytes: [UInt8]) {
        guard let rows = try? WireBatch(decoding: bytes).rows else { return }
        let count = min(
            rows.credential.count, rows.totalUplink.count, rows.totalDownlink.count,
            rows.uplink.count)
        for index in 0..<count {
            let id = Int64(truncatingIfNeeded: rows.credential[index])
            var known = named[id] ?? Named()
            known.uplink = max(known.uplink, rows.totalUplink[index])
            known.downlink = max(known.downlink, rows.totalDownlink[index])
            let sum = known.baselines.addingReportingOverflow(rows.uplink[index])
            known.baselines = sum.overflow ? .max : sum.partialValue
            named[id] = known
        }
    }

    private static func encoded(
        _ rows: WireRows, sequence: UInt64, after previous: [UInt8], of ledger: [UInt8]
    ) throws -> [UInt8] {
        var batch = WireBatch()
        batch.ledger = .init(ledger)
        batch.sequence = sequence
        batch.previous = .init(previous)
        batch.buckets = [WireBucket()]
        batch.rows = rows
        return try batch.encoded()
    }

    // MARK: What must hold

    /// Compares what is booked with what was named.
    func check() async throws {
        let rows = try await bench.integers(
            """
            SELECT t.credential, t.uplink, t.downlink, t.baseline_uplink, \
            (SELECT COALESCE(SUM(uplink), 0) FROM usage_hours WHERE credential = t.credential) \
            FROM totals t WHERE t.credential IN ($1, $2, $3)
            """, (credentials + [untouched]).map { .integer($0) })
        for row in rows {
            let known = named[row[0]] ?? Named()
            if row[0] == untouched {
                try FuzzFinding.unless(
                    row[1] == Int64(Self.total) && row[3] == 0, "another server's total moved")
                continue
            }
            try FuzzFinding.unless(
                row[1] >= 0 && UInt64(row[1]) <= known.uplink && row[2] >= 0
                    && UInt64(row[2]) <= known.downlink,
                "\(row[1]) and \(row[2]) bytes are booked of \(known)")
            try FuzzFinding.unless(row[4] == row[1], "the hours' sum is \(row[4]) of \(row[1])")
            try FuzzFinding.unless(
                row[3] >= 0 && UInt64(row[3]) <= known.baselines, "a baseline was made up")
        }
        try FuzzFinding.unless(rows.count == 3, "a credential is lost")
    }
}

extension WireRows {
    fileprivate mutating func append(
        credential id: Int64, kind number: Int, gained: UInt64, total: UInt64,
        bucket index: UInt32 = 0, counters count: UInt32 = 0, handshake: Int64 = -1
    ) {
        credential.append(UInt64(bitPattern: id))
        bucket.append(index)
        kind.append(UInt32(number))
        uplink.append(gained)
        downlink.append(gained)
        totalUplink.append(total)
        totalDownlink.append(total)
        lastHandshake.append(handshake)
        counters.append(count)
        for _ in 0..<count {
            part.append("")
            incarnation.append(index)
            rawUplink.append(total)
            rawDownlink.append(gained)
        }
    }
}
