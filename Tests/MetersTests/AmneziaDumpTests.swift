import Accounting
import Foundation
import Netlink
import Testing

@testable import Meters

/// AmneziaWG's three dialects, in bytes: what is written as its sources have it, and captures of
/// the module where it could be built (see `Tests/VM/amneziawg`).
@Suite struct AmneziaDumpTests {
    static let key = attribute(1, [UInt8](repeating: 9, count: 32))
    static let secret = attribute(2, [UInt8](repeating: 4, count: 32))
    static let counters =
        attribute(8, [2, 0, 0, 0, 0, 0, 0, 0]) + attribute(7, [1, 0, 0, 0, 0, 0, 0, 0])
    static let handshake = attribute(6, [5] + [UInt8](repeating: 0, count: 15))
    static let version = attribute(10, [1, 0, 0, 0])
    static let flags = attribute(3, [8, 0, 0, 0])
    static let allowed = attribute(
        9, attribute(0, attribute(3, [32]) + attribute(1, [2, 0]) + attribute(2, [10, 0, 0, 1])))

    /// Jc, Jmin, Jmax, S1 and S2, which all dialects have as 16 bits.
    static let junk = (9...13).flatMap { attribute(UInt16($0), [7, 0]) }

    static func message(_ version: UInt8, _ device: [UInt8], _ peer: [UInt8]) -> [UInt8] {
        [0, version, 0, 0] + attribute(6, [0x6c, 0xca]) + attribute(1, [7, 0, 0, 0])
            + attribute(2, Array("awg0\0".utf8)) + device + attribute(8, attribute(0, peer))
    }

    static func peer(
        _ first: [UInt8], _ keepalive: [UInt8], handshake: [UInt8] = handshake
    ) -> [UInt8] {
        first + key + secret + handshake + attribute(5, keepalive) + counters + version + allowed
    }

    /// "1.0" before October 2024: WireGuard's peers, headers in 32 bits.
    static let first = message(
        1, junk + (14...17).flatMap { attribute(UInt16($0), [1, 0, 0, 0]) }, peer([], [25, 0]))
    /// "1.0" later: flags before each peer, and the mark of one that speaks the dialect.
    static let firstWithFlags = message(
        1, junk + (14...17).flatMap { attribute(UInt16($0), [1, 0, 0, 0]) },
        peer(flags + attribute(11, []), [25, 0]))
    /// "1.5" and "2.0": headers as text, special packets.
    static let second = message(
        2,
        junk + (14...17).flatMap { attribute(UInt16($0), Array("1001-1009\0".utf8)) }
            + attribute(19, [3, 0]) + attribute(20, [4, 0])
            + (21...25).flatMap { attribute(UInt16($0), Array("<b 0xf6ab><r 100>\0".utf8)) },
        peer(flags + attribute(11, []), [25, 0]))
    /// "3": headers as ranges in 64 bits, keepalives as ranges in 32.
    static let third = message(
        3,
        junk + (14...17).flatMap { attribute(UInt16($0), [1, 0, 0, 0, 9, 0, 0, 0]) }
            + attribute(19, [3, 0]) + attribute(20, [4, 0])
            + attribute(26, [UInt8](repeating: 6, count: 32))
            + (27...32).flatMap { attribute(UInt16($0), [1, 0, 2, 0]) },
        peer(flags, [25, 0, 30, 0]))

    @Test(
        "a dialect's peer that cannot be right is refused",
        arguments: [
            peer(flags, []), peer(flags, [25, 0, 0]), peer(flags, [25, 0, 30, 0, 0]),
            flags + counters + allowed, flags + key,
            peer(attribute(3, [8, 0, 0, 0], length: 400), [25, 0]),
        ] as [[UInt8]])
    func malformed(_ peer: [UInt8]) {
        let error = #expect(throws: NetlinkError.self) {
            try Self.decode([Self.message(3, Self.junk, peer)])
        }
        #expect(error?.code == .malformed)
    }

    @Test(
        "a handshake in the first second of 1970 is not none",
        arguments: [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([5, 7], 5)] as [([UInt8], Int64)])
    func handshakes(_ time: [UInt8], told: Int64) throws {
        let bytes = time.flatMap { [$0] + [UInt8](repeating: 0, count: 7) }
        let peer = Self.peer(Self.flags, [25, 0, 30, 0], handshake: attribute(6, bytes))
        let dump = try Self.decode([Self.message(3, Self.junk, peer)])
        #expect(dump.counters.map(\.lastHandshake) == [told])
    }

    @Test("each dialect is read", arguments: [first, firstWithFlags, second, third])
    func dialects(_ message: [UInt8]) throws {
        let dump = try Self.decode([message])
        let settings = try #require(dump.settings().first)
        #expect(dump.listenPort == 51820)
        #expect(dump.counters.map(\.value) == [Traffic(uplink: 1, downlink: 2)])
        #expect(settings.keepalive == 25)
        #expect(settings.longestKeepalive == (message == Self.third ? 30 : nil))
        #expect(settings.advancedSecurity == [Self.firstWithFlags, Self.second].contains(message))
        #expect(settings.addresses.map(\.description) == ["10.0.0.1/32"])
        #expect(settings.presharedKey != nil)
    }

    @Test("a cut or a changed byte is refused or harmless", arguments: [first, second, third])
    func damaged(_ message: [UInt8]) {
        for place in message.indices {
            for value: UInt8 in [0, 1, 4, 0x7f, 0xff] {
                var changed = message
                changed[place] = value
                #expect(((try? Self.decode([changed]))?.peers.count ?? 0) <= 1)
            }
            #expect(((try? Self.decode([Array(message[..<place])]))?.peers.count ?? 0) == 0)
        }
    }

    @Test func aPieceOfASplitPeerBeginsWithItsFlags() throws {
        let more = Self.flags + attribute(11, []) + Self.key + Self.allowed
        let dump = try Self.decode([
            Self.second, [0, 2, 0, 0] + attribute(8, attribute(0, more)),
        ])
        #expect(dump.settings().map(\.addresses.count) == [2])
        #expect(dump.settings().map(\.advancedSecurity) == [true])
    }

    @Test func aKeepaliveIsWrittenAsTheDialectHasIt() throws {
        let key = try #require(PublicKey([UInt8](repeating: 1, count: 32)))
        var settings = PeerSettings(key: .publicKey(key), keepalive: 25)
        let dialects = [1, 2, 3].map { KernelDialect.amneziawg[$0] } + [.wireguard, .unknown]
        #expect(
            dialects.map { $0?.keepalive(settings) } == [
                [25, 0], [25, 0], [25, 0, 25, 0], [25, 0], nil,
            ])
        settings.longestKeepalive = 300
        #expect(
            dialects.map { $0?.keepalive(settings) } == [
                [25, 0], [25, 0], [25, 0, 44, 1], [25, 0], nil,
            ])
        settings = PeerSettings(key: .publicKey(key))
        #expect(dialects.allSatisfy { $0?.keepalive(settings) == nil })
        #expect(
            dialects.map { $0?.setsAdvancedSecurity } == [true, true, false, false, false])
    }

    @Test func thePeersMarkIsWrittenWithItsFlag() throws {
        let key = try #require(PublicKey([UInt8](repeating: 1, count: 32)))
        var change = PeerChange(key: key, flags: [.replaceAllowedIPs, .hasAdvancedSecurity])
        change.advancedSecurity = true
        var request = NetlinkRequest(type: 32, answerType: 32, fixed: [1, 1, 0, 0])
        try change.write(to: &request)
        let expected = attribute(1, key.bytes) + attribute(3, [10, 0, 0, 0]) + attribute(11, [])
        #expect(Array(request.bytes.suffix(expected.count)) == expected)
    }

    @Test("a captured dump says what awg says", arguments: ["v2", "v3"], ["peers", "split"])
    func captured(_ version: String, _ name: String) throws {
        let messages = try Self.text("\(version)-\(name).hex").split(separator: "\n").map {
            try #require(Hexadecimal.decode($0))
        }
        let index = try #require(try Self.index(in: messages[0]))
        let dump = try Self.decode(messages, index: index)
        let reading = Reading(
            meter: MeterName(kind: .amneziawg, device: "wg0"), instant: try HostClock.open().now(),
            counters: dump.counters, startsFromZero: true)
        let shown = wireGuardShow(
            MeterReading(reading: reading, peers: dump.settings(), listenPort: nil))
        #expect(
            try shown
                == Self.text("\(version)-\(name).dump").split(separator: "\n").map(String.init))
        #expect(dump.settings()[1].advancedSecurity == (version == "v2"))
        #expect(dump.settings()[1].longestKeepalive == (version == "v3" ? 30 : nil))
    }

    static func decode(_ messages: [[UInt8]], index: UInt32 = 7) throws -> KernelDump {
        var dump = KernelDump(index: index, incarnation: Incarnation(token: "t"))
        for message in messages { try dump.add(message.span.bytes) }
        try dump.checkWhole()
        return dump
    }

    private static func index(in message: [UInt8]) throws -> UInt32? {
        let bytes = message.span.bytes
        var walk = AttributeWalk(bytes, from: 4)
        while let attribute = try walk.next(in: bytes) {
            if attribute.type == 1 { return try attribute.integer(UInt32.self, in: bytes) }
        }
        return nil
    }

    private static func text(_ name: String) throws -> String {
        let tests = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(
            contentsOf: tests.appending(path: "Fixtures/AmneziaWG/\(name)"), encoding: .utf8)
    }
}

private func attribute(_ type: UInt16, _ payload: [UInt8], length: Int? = nil) -> [UInt8] {
    let size = length ?? payload.count + 4
    return [UInt8(truncatingIfNeeded: size), UInt8(truncatingIfNeeded: size >> 8)]
        + [UInt8(truncatingIfNeeded: type), UInt8(truncatingIfNeeded: type >> 8)] + payload
        + [UInt8](repeating: 0, count: (4 - payload.count % 4) % 4)
}
