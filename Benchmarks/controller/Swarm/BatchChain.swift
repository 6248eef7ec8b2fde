import Accounting
import AgentProtocol
import Glibc
import HTTPClient
import SwiftProtobuf

/// A batch as it stands in a ledger.
struct EncodedBatch: Sendable {
    let bytes: [UInt8]
    let sequence: UInt64
    let rows: Int
}

/// A push, compressed as it travels.
struct PreparedPush: Sendable {
    let body: [UInt8]
    /// The sequence of its last batch.
    let newest: UInt64
    let rows: Int

    init(_ batches: [EncodedBatch]) throws {
        let push = WirePush.with {
            $0.now = Clocks.now()
            $0.batches = batches.map { .init($0.bytes) }
        }
        body = try Gzip.deflate(try push.encoded())
        newest = batches.last?.sequence ?? 0
        rows = batches.reduce(0) { $0 + $1.rows }
    }
}

/// The batches of one ledger, each with the digest of the one before.
struct BatchChain {
    private let ledger: [UInt8]
    private var sequence: UInt64 = 0
    private var digest: [UInt8] = []
    private var credentials: [UInt64] = []
    private var totals: [(up: UInt64, down: UInt64)] = []
    /// Which credential the next batch begins with.
    private var place = 0

    init(ledger: [UInt8]) { self.ledger = ledger }

    /// The newest batch as the header names it.
    var newest: String { "\(sequence).\(Hexadecimal.encode(digest))" }

    mutating func add(credentials more: [UInt64]) {
        credentials += more
        totals += more.map { _ in (0, 0) }
    }

    /// The next batch: in each of its buckets, a minute apart, so many credentials moved.
    ///
    /// The credentials take turns, in their order, as a ledger reads them out.
    mutating func next(buckets: Int, rowsEach: Int, minute: Int = 0) throws -> EncodedBatch {
        sequence += 1
        var batch = WireBatch()
        batch.ledger = .init(ledger)
        batch.sequence = sequence
        batch.previous = .init(digest)
        batch.incarnations = ["kernel:swarm:\(credentials.first ?? 0)"]
        let backlog = buckets > 1 || minute > 0
        for bucket in 0..<buckets {
            let age = backlog ? Int64(60 - minute - bucket) * 60 : 0
            batch.buckets.append(
                .with {
                    $0.first = Clocks.now(ago: age)
                    $0.last = Clocks.now(ago: age)
                })
            let turn = place
            for index in 0..<min(rowsEach, credentials.count) {
                move((turn + index) % credentials.count, in: bucket, &batch.rows)
            }
            place = credentials.isEmpty ? 0 : (turn + rowsEach) % credentials.count
        }
        let bytes = try batch.encoded()
        digest = Digest.sha256(bytes)
        return EncodedBatch(
            bytes: bytes, sequence: sequence, rows: batch.rows.credential.count)
    }

    private mutating func move(_ index: Int, in bucket: Int, _ rows: inout WireRows) {
        let gained = (up: UInt64.random(in: 1...1_000_000), down: UInt64.random(in: 1...9_000_000))
        totals[index].up += gained.up
        totals[index].down += gained.down
        let total = totals[index]
        rows.credential.append(credentials[index])
        rows.bucket.append(UInt32(bucket))
        rows.kind.append(0)
        rows.uplink.append(gained.up)
        rows.downlink.append(gained.down)
        rows.totalUplink.append(total.up)
        rows.totalDownlink.append(total.down)
        rows.lastHandshake.append(Clocks.now().wall / 1_000_000_000 - Int64(index % 120))
        rows.counters.append(1)
        rows.part.append("")
        rows.incarnation.append(0)
        rows.rawUplink.append(total.up)
        rows.rawDownlink.append(total.down)
    }
}

/// This host's clocks, as an agent tells them.
enum Clocks {
    static func now(ago seconds: Int64 = 0) -> WireClock {
        .with {
            $0.wall = read(CLOCK_REALTIME) - seconds * 1_000_000_000
            $0.boot = .init([UInt8](repeating: 1, count: 16))
            $0.boottime = UInt64(clamping: read(CLOCK_BOOTTIME) - seconds * 1_000_000_000)
        }
    }

    static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
