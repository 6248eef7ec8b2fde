import Accounting
import AgentProtocol
import Ledger
import SwiftProtobuf

extension FuzzTarget {
    /// What the controller answers, as the agent's ledger takes it.
    static let ledgerTargets = [
        FuzzTarget("desired", desired), FuzzTarget("answers", answers),
    ]

    private static let id = String(repeating: "0a", count: 16)

    private static func ledger() throws -> Ledger {
        try Ledger.open(path: ":memory:", id: id, instance: id)
    }

    /// Desired states one after the other, as they may come from a controller of any age.
    ///
    /// Whatever comes, a shut is undone only by an entry of its own with a higher revision.
    private static func desired(_ bytes: [UInt8]) throws {
        let ledger = try ledger()
        for datagram in bytes.datagrams.prefix(8) {
            guard let message = try? WireDesired(decoding: datagram) else { continue }
            let before = try ledger.desired()
            let position = ledger.desiredPosition()
            let changed = try refusing(LedgerError.self) { try ledger.adopt(message) }
            let after = try ledger.desired()
            let now = ledger.desiredPosition()
            try FuzzFinding.unless(
                now.revision >= position.revision, "the revision went back")
            if changed != true {
                try FuzzFinding.unless(
                    Set(before) == Set(after), "what was refused, or changed nothing, changed it")
            }
            try checkShuts(before, after)
            var digest = SetDigest()
            for entry in try ledger.desiredSet().entries { digest.insert([UInt8](entry)) }
            try FuzzFinding.unless(digest.bytes == now.digest, "the digest is not the set's")
        }
    }

    private static func checkShuts(_ before: [DesiredAccess], _ after: [DesiredAccess]) throws {
        for wish in before where wish.access.isShut {
            let now = after.first { $0.credential == wish.credential }
            guard let now else { throw FuzzFinding("a shut was forgotten") }
            try FuzzFinding.unless(now.key == wish.key, "a shut went over to another key")
            try FuzzFinding.unless(
                now.access.isShut || now.revision >= wish.revision, "an older entry undid a shut")
        }
    }

    /// A ledger that counts, and a controller that says anything of credentials and of what it
    /// applied. Whatever it says, the totals that were sent add up to what was counted.
    private static func answers(_ bytes: [UInt8]) throws {
        var host = try CountingHost(ledger: try ledger())
        var choices = Choices(bytes)
        while !choices.isEmpty {
            switch choices.number(below: 4) {
            case 0: try host.count(&choices)
            case 1: try host.assign(&choices)
            case 2: try host.cut(ticket: UInt64(choices.number(below: 3)))
            default:
                try host.take(&choices)
            }
        }
        try host.finish()
    }
}

/// Three keys that are counted, and what has come of their bytes.
private struct CountingHost {
    let ledger: Ledger
    let meter = MeterName(kind: .wireguard, device: "wg0")
    let keys: [Key]
    let instant: Instant
    private var counters: [Key: UInt64] = [:]
    /// The highest total of each credential that a batch has named: what a controller books.
    private var booked: [UInt64: UInt64] = [:]

    init(ledger: Ledger) throws {
        self.ledger = ledger
        keys = (1...3).compactMap {
            PublicKey([UInt8](repeating: UInt8($0), count: 32)).map(Key.publicKey)
        }
        guard let boot = BootID(String(repeating: "1b", count: 16)), keys.count == 3 else {
            throw FuzzFinding("a boot or a key cannot be made")
        }
        instant = Instant(wall: 1, boot: boot, boottime: 1)
    }

    mutating func count(_ choices: inout Choices) throws {
        for key in keys { counters[key, default: 0] += UInt64(choices.number(below: 256)) }
        let values = keys.enumerated().map { index, key in
            Counter(
                key: key, incarnation: Incarnation(token: "one"),
                value: Traffic(uplink: counters[key] ?? 0, downlink: 0), lastHandshake: 0,
                place: index)
        }
        let reading = Reading(
            meter: meter, instant: instant, counters: values, startsFromZero: true)
        let difference = Differ.difference(
            from: ledger.baselines(of: meter), to: reading, beganAfterDiscovery: true)
        try ledger.record(difference, of: meter, at: instant)
    }

    /// Names credentials, of which no two keys ever have the same.
    func assign(_ choices: inout Choices) throws {
        var named: [CredentialAssignment] = []
        for _ in 0..<choices.number(below: 4) {
            let index = choices.number(below: keys.count)
            named.append(
                CredentialAssignment(
                    meter: meter, key: keys[index],
                    credential: UInt64(index + 1 + keys.count * choices.number(below: 3))))
        }
        _ = try refusing(LedgerError.self) { try ledger.take(named) }
    }

    mutating func cut(ticket: UInt64) throws {
        _ = try refusing(LedgerError.self) { try ledger.cutBatch(ticket: ticket) }
        for stored in try ledger.batches() {
            let rows = try WireBatch(decoding: stored.bytes).rows
            for (credential, total) in zip(rows.credential, rows.totalUplink) {
                booked[credential] = max(booked[credential] ?? 0, total)
            }
        }
    }

    /// An answer to a push, asked now: any message, or one about a batch that is there.
    func take(_ choices: inout Choices) throws {
        var answer = (try? WirePushAnswer(decoding: choices.bytes(6))) ?? WirePushAnswer()
        if choices.happens(onceIn: 2) {
            let stored = try ledger.batches()
            answer.applied = stored.isEmpty ? choices.amount() : stored[0].sequence
        }
        _ = try refusing(LedgerError.self) {
            try ledger.take(
                applied: answer.applied, digest: [UInt8](answer.appliedDigest),
                asked: ledger.askedAt)
        }
    }

    /// Sends all that waits, and compares.
    mutating func finish() throws {
        for (index, key) in keys.enumerated() where ledger.credential(of: key, at: meter) == nil {
            try ledger.assign([(meter, key, UInt64(index) + 1)])
        }
        for _ in 0..<64 {
            try cut(ticket: 0)
            guard let newest = try ledger.batches().last else { break }
            try ledger.acknowledge(through: newest.sequence)
        }
        try FuzzFinding.unless(try ledger.depth().rows == 0, "some of it is never sent")
        let (sent, truth) = (booked.values.reduce(0, +), counters.values.reduce(0, +))
        try FuzzFinding.unless(sent == truth, "\(sent) bytes were sent of \(truth)")
    }
}
