import Accounting
import AgentProtocol
import Foundation
import Testing

@testable import Ledger

/// The rules of the protocol for the other side, in memory; a copy of it is a backup.
struct TestController {
    var applied: UInt64 = 0
    var digest: [UInt8] = []
    /// The totals booked of each credential.
    var totals: [UInt64: Traffic] = [:]
    /// What was reported apart, of all kinds.
    var apart: [UInt64: Traffic] = [:]
    /// What each credential gained in each hour of the host's wall clock.
    var hours: [UInt64: [Int64: Traffic]] = [:]
    /// Raw uplink counters by credential.
    var raws: [UInt64: UInt64] = [:]
    var isComplete = true
    /// Rows of totals that were lower than what was booked already.
    var backwards = 0

    /// Applies what continues the order; throws for what does not.
    mutating func push(_ batches: [StoredBatch]) throws {
        for stored in batches where stored.sequence > applied {
            #expect(stored.bytes.count <= Ledger.mostBytes)
            let batch = try WireBatch(decoding: stored.bytes)
            try #require(batch.hasCatchUp || stored.sequence == applied + 1)
            try #require(Array(batch.previous) == digest)
            #expect(batch.rows.credential.count <= Ledger.mostRows)
            try book(batch)
            applied = stored.sequence
            digest = Digest.sha256(stored.bytes)
            if batch.hasCatchUp { isComplete = batch.catchUp.complete }
        }
    }

    private mutating func book(_ batch: WireBatch) throws {
        let rows = batch.rows
        var counter = 0
        for index in rows.credential.indices {
            let id = rows.credential[index]
            let kind = try #require(WireRowKind(rawValue: Int(rows.kind[index])))
            let gained = Traffic(uplink: rows.uplink[index], downlink: rows.downlink[index])
            let total = Traffic(
                uplink: rows.totalUplink[index], downlink: rows.totalDownlink[index])
            if kind == .delta || kind == .total {
                #expect((kind == .total) == batch.hasCatchUp)
                book(total, of: id, in: batch.buckets[Int(rows.bucket[index])].last.wall)
            } else {
                apart[id] = apart[id, default: .zero].adding(gained)
            }
            for _ in 0..<rows.counters[index] {
                raws[id] = rows.rawUplink[counter]
                counter += 1
            }
        }
    }

    private mutating func book(_ total: Traffic, of id: UInt64, in wall: Int64) {
        guard let gained = total.gained(since: totals[id] ?? .zero) else {
            backwards += 1
            return
        }
        totals[id] = total
        let hour = Timeline.unit(of: wall, .hour)
        let before = hours[id]?[hour] ?? .zero
        if gained != .zero { hours[id, default: [:]][hour] = before.adding(gained) }
    }
}

extension Ledger {
    /// Sends everything to `controller`, `open` anew after each step where that is given, as after
    /// a kill at that point.
    static func exchange(
        _ ledger: inout Ledger, _ controller: inout TestController,
        reopening open: (() throws -> Ledger)? = nil
    ) throws {
        for _ in 0..<10_000 {
            while try ledger.cutBatch(ticket: 0) {
                if let open { ledger = try open() }
            }
            let batches = try ledger.batches()
            #expect(batches.count <= Ledger.mostBatches)
            guard !batches.isEmpty else { return }
            let asked = ledger.askedAt
            if !batches.isEmpty, controller.applied >= asked.acknowledged {
                try controller.push(batches)
            }
            if let open { ledger = try open() }
            _ = try ledger.take(
                applied: controller.applied, digest: controller.digest, asked: ledger.askedAt)
            if let open { ledger = try open() }
        }
        Issue.record("no end of batches")
    }
}

/// A folder that goes when nobody holds it any more.
final class TestFolder: Sendable {
    let path = FileManager.default.temporaryDirectory.appending(path: "ledger-\(UUID())").path

    init() {
        try? FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}
