import Accounting
import Foundation
import Netlink
import Testing

@testable import Meters

@Suite struct KernelDumpTests {
    static let counters =
        attribute(7, [1, 0, 0, 0, 0, 0, 0, 0]) + attribute(8, [2, 0, 0, 0, 0, 0, 0, 0])
    static let key = attribute(1, [UInt8](repeating: 9, count: 32))
    static func key(_ low: UInt8, _ high: UInt8) -> [UInt8] {
        attribute(1, [low, high] + [UInt8](repeating: 7, count: 30))
    }

    static let allowed = attribute(
        9, attribute(0, attribute(1, [2, 0]) + attribute(2, [10, 0, 0, 1]) + attribute(3, [32])))

    static func peers(_ peers: [UInt8]...) -> [UInt8] { Self.peers(peers) }

    static func peers(_ peers: [[UInt8]]) -> [UInt8] {
        [0, 1, 0, 0] + attribute(8, peers.flatMap { attribute(0, $0) })
    }

    /// As many messages as the peers need, 100 in each.
    static func messages(_ all: [[UInt8]]) -> [[UInt8]] {
        stride(from: 0, to: all.count, by: 100).map { peers(Array(all[$0..<$0 + 100])) }
    }

    @Test(
        "bytes that cannot be right are refused",
        arguments: [
            [], [0, 1, 0], [0, 1, 0, 0, 3, 0, 8, 0], [0, 1, 0, 0, 8, 0, 8, 0],
            [0, 1, 0, 0] + attribute(1, [8, 0, 0, 0]), [0, 1, 0, 0] + attribute(1, [7, 0]),
            [0, 1, 0, 0] + attribute(6, [1, 2, 3, 4]),
            [0, 1, 0, 0] + attribute(8, attribute(0, [], length: 12)),
            [0, 1, 0, 0] + attribute(8, [2, 0, 0, 0]),
            peers(counters), peers(key), peers(key + allowed),
            peers(key + attribute(7, [1, 0, 0, 0, 0, 0, 0, 0])),
            peers(attribute(1, [UInt8](repeating: 9, count: 31)) + counters),
            peers(attribute(1, [UInt8](repeating: 9, count: 33)) + counters),
            peers(key + attribute(7, [1, 0, 0, 0]) + attribute(8, [2, 0, 0, 0])),
            peers(key + counters, key + counters), peers(key + counters + allowed + allowed),
            peers(key + counters + attribute(2, [1, 2, 3])),
            peers(key + counters + attribute(4, [2, 0, 1, 2])),
            peers(key + counters + attribute(4, [10, 0] + [UInt8](repeating: 0, count: 24))),
            peers(key + counters + attribute(5, [1, 2, 3])),
            peers(key + counters + attribute(6, [UInt8](repeating: 0, count: 8))),
            peers(key + counters + attribute(9, attribute(0, attribute(3, [32])))),
            peers(key + counters + attribute(9, attribute(0, attribute(2, [10, 0, 0, 1])))),
            peers(
                key + counters
                    + attribute(9, attribute(0, attribute(2, [10, 0, 0, 1]) + attribute(3, [33])))),
            peers(
                key + counters
                    + attribute(9, attribute(0, attribute(2, [10, 0, 0]) + attribute(3, [8])))),
            peers(
                key + counters
                    + attribute(9, attribute(0, attribute(2, [10, 0, 0, 1], length: 40)))),
        ] as [[UInt8]])
    func malformed(_ bytes: [UInt8]) {
        let error = #expect(throws: NetlinkError.self) { try Self.decode([bytes]) }
        #expect(error?.code == .malformed)
    }

    @Test func everyCutAndEveryChangedByteIsRefusedOrHarmless() throws {
        let message = try #require(try Self.fixture("kernel-peers.hex").first)
        let index = try Self.index(in: message)
        let peers = try Self.decode([message], index: index).peers.count
        let accepted = (0..<message.count).filter {
            (try? Self.decode([Array(message[..<$0])], index: index)) != nil
        }
        // Between two attributes of the device alone can a message be cut and still be one.
        #expect(accepted.count < 10)
        for place in message.indices {
            for value: UInt8 in [0, 1, 4, 0x7f, 0xff] {
                var changed = message
                changed[place] = value
                let dump = try? Self.decode([changed], index: index)
                #expect((dump?.peers.count ?? 0) <= peers)
            }
        }
    }

    @Test func aContinuationAddsAddressesAndNeverTouchesCounters() throws {
        let other = attribute(1, [UInt8](repeating: 8, count: 32))
        let dump = try Self.decode([
            Self.peers(Self.key + Self.counters + attribute(9, []), other + Self.counters),
            Self.peers(Self.key + Self.allowed), Self.peers(other + Self.allowed),
            Self.peers(other + Self.allowed),
        ])
        #expect(
            dump.counters.map(\.value) == [
                .init(uplink: 1, downlink: 2), .init(uplink: 1, downlink: 2),
            ])
        #expect(dump.settings().map(\.addresses.count) == [1, 2])
    }

    @Test func fragmentsFindTheirPeersAmongThousandsWhateverComesFirst() throws {
        let keys = (0..<3000).map { number in
            Self.key(UInt8(truncatingIfNeeded: number), UInt8(number >> 8))
        }
        let heads = Self.messages(keys.map { $0 + Self.counters })
        let tails = Self.messages(keys.reversed().map { $0 + Self.allowed })
        for messages in [heads + tails, tails + heads] {
            let dump = try Self.decode(messages)
            #expect(dump.peers.count == 3000)
            #expect(dump.settings().allSatisfy { $0.addresses.count == 1 })
            #expect(dump.counters.allSatisfy { $0.value == Traffic(uplink: 1, downlink: 2) })
            #expect(dump.counters.map(\.place) == (0..<3000).map { $0 })
            #expect(Set(dump.counters.map(\.key)).count == 3000)
        }
    }

    @Test func aDeviceWhoseKeysAreKnownIsReadTheSame() throws {
        let keys = (0..<300).map { Self.key(UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)) }
        let tails = Self.messages(keys.map { $0 + Self.allowed })
        let usual = try Self.decode(Self.messages(keys.map { $0 + Self.counters + Self.allowed }))
        var turned = try Self.decode(
            Self.messages(keys.reversed().map { $0 + Self.counters }) + tails, whole: false)
        #expect(turned.tally != usual.tally)
        try turned.checkWhole(known: usual.tally)
        #expect(turned.counters.count == 300)
        #expect(turned.fingerprint == usual.fingerprint)
        // What came in pieces says nothing of the next dump.
        #expect(turned.tally == KeyTally())
        #expect(throws: NetlinkError.self) {
            var twice = try Self.decode(
                Self.messages((keys + keys).map { $0 + Self.counters }), whole: false)
            try twice.checkWhole(known: usual.tally)
        }
    }

    @Test func whatOtherDialectsAddIsPassedOver() throws {
        let unknown = (9...32).map { attribute(UInt16($0), Array("1-5\0".utf8)) }
        let message =
            [0, 3, 0, 0] + unknown.flatMap { $0 } + attribute(0, [])
            + attribute(
                8,
                attribute(
                    0,
                    attribute(3, [8, 0, 0, 0]) + Self.key + attribute(5, [25, 0, 30, 0])
                        + attribute(11, []) + attribute(40, [1]) + Self.counters))
        let dump = try Self.decode([message])
        #expect(dump.peers.map(\.keepalive.shortest) == [25])
        #expect(dump.counters.map(\.value) == [.init(uplink: 1, downlink: 2)])
    }

    @Test("a captured dump says what wg says", arguments: ["kernel-peers", "kernel-split"])
    func captured(_ name: String) throws {
        let messages = try Self.fixture("\(name).hex")
        let dump = try Self.decode(messages, index: try Self.index(in: messages[0]))
        let lines = try Self.text("\(name).dump").split(separator: "\n").map(String.init)
        let reading = Reading(
            meter: MeterName(kind: .wireguard, device: "wg0"), instant: try HostClock.open().now(),
            counters: dump.counters, startsFromZero: true)
        let shown = wireGuardShow(
            MeterReading(reading: reading, peers: dump.settings(), listenPort: nil))
        #expect(shown == lines)
        #expect(dump.listenPort == 51820)
    }

    @Test func theSplitCaptureIsOne() throws {
        let messages = try Self.fixture("kernel-split.hex")
        #expect(messages.count > 1)
        let index = try Self.index(in: messages[0])
        let alone = try messages.map { try Self.decode([$0], index: index, whole: false) }
        let keys = alone.flatMap { $0.counters.map(\.key) }
        #expect(Set(keys).count < keys.count, "no peer stands in two messages")
        #expect(alone.contains { $0.peers.contains { !$0.isCounted } })
    }

    @Test func withoutPeersThereAreNone() throws {
        let dump = try Self.decode([
            [0, 1, 0, 0] + attribute(1, [7, 0, 0, 0]) + attribute(6, [0, 0])
        ])
        #expect(dump.peers.isEmpty)
        #expect(dump.listenPort == nil)
    }

    static func decode(
        _ messages: [[UInt8]], index: UInt32 = 7, whole: Bool = true
    ) throws -> KernelDump {
        var dump = KernelDump(index: index, incarnation: Incarnation(token: "t"))
        for message in messages { try dump.add(message.span.bytes) }
        if whole { try dump.checkWhole() }
        return dump
    }

    /// The device's index in a captured message, which is another in each recording.
    private static func index(in message: [UInt8]) throws -> UInt32 {
        let bytes = message.span.bytes
        var walk = AttributeWalk(bytes, from: 4)
        while let attribute = try walk.next(in: bytes) {
            if attribute.type == 1 { return try attribute.integer(UInt32.self, in: bytes) }
        }
        throw NetlinkError.malformed("no index")
    }

    private static func fixture(_ name: String) throws -> [[UInt8]] {
        try text(name).split(separator: "\n").map { try #require(Hexadecimal.decode($0)) }
    }

    private static func text(_ name: String) throws -> String {
        let tests = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(
            contentsOf: tests.appending(path: "Fixtures/WireGuard/\(name)"), encoding: .utf8)
    }
}

private func attribute(_ type: UInt16, _ payload: [UInt8], length: Int? = nil) -> [UInt8] {
    let size = length ?? payload.count + 4
    return [UInt8(truncatingIfNeeded: size), UInt8(truncatingIfNeeded: size >> 8)]
        + [UInt8(truncatingIfNeeded: type), UInt8(truncatingIfNeeded: type >> 8)] + payload
        + [UInt8](repeating: 0, count: (4 - payload.count % 4) % 4)
}
