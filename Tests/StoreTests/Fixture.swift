import AgentProtocol
import Crypto
import Foundation
import SwiftProtobuf
import Testing

@testable import Store

/// A store in a folder of its own that ends with the test.
final class Fixture: Sendable {
    static let second: Int64 = 1_000_000_000
    /// A quarter past noon on 2025-11-06.
    static let noon: Int64 = 1_762_431_300 * second
    static let boot = [UInt8](repeating: 7, count: 16)

    let folder: String
    let path: String
    let store: Store

    init() async throws {
        folder = "\(NSTemporaryDirectory())store-\(UUID().uuidString)"
        path = "\(folder)/state/store.sqlite"
        store = try await Store.open(path: path, zone: .gmt)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Runs a query for its integers.
    func integers(_ sql: String) async throws -> [[Int64]] {
        try await Self.integers(sql, of: store)
    }

    static func integers(_ sql: String, of store: Store) async throws -> [[Int64]] {
        try await store.database.read { session in
            try session.query(sql, []).map { row in row.values.indices.map { row.integer($0) } }
        }
    }

    func integer(_ sql: String) async throws -> Int64? {
        try await integers(sql).first?.first
    }

    /// Copies the store's files as they are now, while nobody writes; returns the copy's path.
    func backup() throws -> String {
        let copy = "\(folder)/backup-\(UUID().uuidString).sqlite"
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix)
        }
        return copy
    }

    /// Adds a server and joins an agent to it.
    func join(
        _ name: String = "vpn1", at now: Int64 = noon - 3600 * second
    ) async throws -> SimulatedAgent {
        let server = try await store.addServer(name: name, now: now)
        return try await rejoin(server.id, at: now)
    }

    /// Joins an agent with a new secret and ledger to a server that is there.
    func rejoin(_ server: Int64, at now: Int64 = noon) async throws -> SimulatedAgent {
        let token = Digest.sha256(Array(UUID().uuidString.utf8))
        _ = try await store.addJoinToken(
            JoinOffer(hash: token, isReusable: false, expiresAt: now + 10), server: server, now: now
        )
        let agent = SimulatedAgent(store: store, server: server)
        _ = try await store.join(agent.joinRequest(token: token), now: now)
        return agent
    }
}

/// Speaks to the store as an agent does, with a ledger in memory.
struct SimulatedAgent {
    var store: Store
    let server: Int64
    let secretHash = Digest.sha256(Array(UUID().uuidString.utf8))
    let ledger: [UInt8] = (0..<16).map { _ in UInt8.random(in: 0...255) }
    var sequence: UInt64 = 0
    var digest: [UInt8] = []
    /// Hosts' clocks may be ahead.
    var ahead: Int64 = 0
    var start: Int64 = 1
    /// Random at each start; nil for one made from the ledger's id.
    var instance: [UInt8]?
    /// Whether calls name the newest batch.
    var tellsNewest = false
    /// What is to last as long as the agent does; nil for nothing.
    var fixture: Fixture?

    var call: AgentCall {
        AgentCall(
            server: server, ledger: ledger, start: start,
            instance: instance ?? [UInt8](ledger.reversed()),
            newest: tellsNewest
                ? NewestBatch(sequence: Int64(sequence), digest: digest) : nil)
    }

    /// Speaks as the ledger's next start does, once the store has let it in.
    @discardableResult
    func accept() async throws -> Standing {
        let held = try #require(try await store.agent(server: server))
        return try await store.accept(call, held: held)
    }

    func joinRequest(token: [UInt8]) -> JoinRequest {
        var host = WireHost()
        host.name = "host"
        host.mode = "enforce"
        return JoinRequest(tokenHash: token, secretHash: secretHash, ledger: ledger, host: host)
    }

    func clock(_ moment: Int64) -> WireClock {
        var clock = WireClock()
        clock.wall = moment + ahead
        clock.boot = .init(Fixture.boot)
        clock.boottime = UInt64(moment - Fixture.noon + 864_000 * Fixture.second)
        return clock
    }

    /// Tells the store of WireGuard keys on wg0; returns their credentials in order.
    func tell(
        _ keys: [String], names: [String] = [], present: Bool = true, at now: Int64 = Fixture.noon
    ) async throws -> [Int64] {
        var inventory = WireInventory()
        inventory.now = clock(now)
        inventory.meters = [
            .with {
                $0.name = "wireguard/wg0"; $0.source = "kernel"
            }
        ]
        inventory.keys = keys.enumerated().map { index, key in
            .with {
                $0.meter = "wireguard/wg0"
                $0.key = key
                $0.name = index < names.count ? names[index] : ""
                $0.addresses = ["10.8.0.\(index % 250 + 2)/32"]
                $0.present = present
            }
        }
        let receipt = try await store.take(inventory, from: call, now: now)
        return receipt.assignments.map { Int64($0.credential) }
    }

    /// The next batch of the ledger, with these rows in one bucket that ended at `end`.
    mutating func batch(
        _ rows: [WireRow], end: Int64 = Fixture.noon, ticket: UInt64 = 0
    ) throws -> [UInt8] {
        sequence += 1
        let bytes = try draft(rows, end: end, ticket: ticket).serializedBytes() as [UInt8]
        digest = Digest.sha256(bytes)
        return bytes
    }

    /// The next batch, as a catch-up that follows what the controller named as applied: each row is
    /// a total at a moment of its own.
    mutating func catchUp(
        after applied: [UInt8], isComplete: Bool, rows: [(WireRow, Int64)]
    ) throws -> [UInt8] {
        digest = applied
        sequence += 1
        var batch = draft([])
        batch.catchUp = .with { $0.complete = isComplete }
        batch.buckets = rows.map { _, end in
            .with {
                $0.first = clock(end)
                $0.last = clock(end)
            }
        }
        for (index, var (row, _)) in rows.enumerated() {
            row.kind = 3
            row.bucket = UInt32(index)
            batch.rows.append(row)
        }
        let bytes: [UInt8] = try batch.serializedBytes()
        digest = Digest.sha256(bytes)
        return bytes
    }

    func draft(_ rows: [WireRow], end: Int64 = Fixture.noon, ticket: UInt64 = 0) -> WireBatch {
        var batch = WireBatch()
        batch.ledger = .init(ledger)
        batch.sequence = sequence
        batch.previous = .init(digest)
        batch.ticket = ticket
        batch.buckets = [
            .with {
                $0.first = clock(end - 10 * Fixture.second)
                $0.last = clock(end)
            }
        ]
        batch.incarnations = ["kernel:one"]
        for row in rows { batch.rows.append(row) }
        return batch
    }

    /// Pushes batches; the push arrives at `now`.
    @discardableResult
    func push(
        _ batches: [[UInt8]], at now: Int64 = Fixture.noon + Fixture.second
    ) async throws -> PushReceipt {
        var push = WirePush()
        push.now = clock(now)
        push.batches = batches.map { .init($0) }
        return try await store.push(push, from: call, receivedAt: now)
    }
}

/// One row of a batch, with one counter behind it.
struct WireRow {
    var credential: Int64
    var up: UInt64
    var down: UInt64
    var kind = 0
    var bucket: UInt32 = 0
    var gained: (up: UInt64, down: UInt64) = (0, 0)
    var handshake: Int64 = -1
    var incarnation: UInt32 = 0
}

extension WireRows {
    mutating func append(_ row: WireRow) {
        credential.append(UInt64(row.credential))
        bucket.append(row.bucket)
        kind.append(UInt32(row.kind))
        uplink.append(row.gained.up)
        downlink.append(row.gained.down)
        totalUplink.append(row.up)
        totalDownlink.append(row.down)
        lastHandshake.append(row.handshake)
        counters.append(1)
        part.append("")
        incarnation.append(row.incarnation)
        rawUplink.append(row.up)
        rawDownlink.append(row.down)
    }
}

/// WireGuard public keys that are none, but have the form.
func publicKey(_ number: Int) -> String {
    var bytes = [UInt8](repeating: 0, count: 32)
    for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: number >> (8 * index)) }
    return Data(bytes).base64EncodedString()
}
