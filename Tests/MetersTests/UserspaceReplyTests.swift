import Accounting
import Foundation
import Testing

@testable import Meters

/// Answers of the userspace API, broken ones first.
@Suite struct UserspaceReplyTests {
    static let key = String(repeating: "a1", count: 32)
    static let peer = "public_key=\(key)\nrx_bytes=1\ntx_bytes=2\n"

    static let malformed = [
        "",
        "\n",
        "errno=0",
        "errno=0\n",
        "errno=0\n\nerrno=0\n\n",
        "errno=0\nlisten_port=1\n\n",
        "errno=\n\n",
        "errno=-\n\n",
        "errno=0x0\n\n",
        "errno=99999999999999999999\n\n",
        "listen_port=51820\n\n",
        "listen_port=65536\nerrno=0\n\n",
        "listen_port=-1\nerrno=0\n\n",
        "listen_port\nerrno=0\n\n",
        "public_key=\nerrno=0\n\n",
        "public_key=\(key)a1\nrx_bytes=1\ntx_bytes=2\nerrno=0\n\n",
        "public_key=\(key.dropLast(1))\nrx_bytes=1\ntx_bytes=2\nerrno=0\n\n",
        "public_key=\(key.dropLast(1))g\nrx_bytes=1\ntx_bytes=2\nerrno=0\n\n",
        "public_key=\(key)\nerrno=0\n\n",
        "public_key=\(key)\nrx_bytes=1\nerrno=0\n\n",
        "public_key=\(key)\ntx_bytes=1\n\(peer)errno=0\n\n",
        "\(peer)\(peer)errno=0\n\n",
        "\(peer)",
        "\(peer)\n",
        "\(peer)rx_bytes=\nerrno=0\n\n",
        "\(peer)rx_bytes=-1\nerrno=0\n\n",
        "\(peer)rx_bytes=1.5\nerrno=0\n\n",
        "\(peer)rx_bytes= 1\nerrno=0\n\n",
        "\(peer)rx_bytes=18446744073709551616\nerrno=0\n\n",
        "\(peer)tx_bytes=1e9\nerrno=0\n\n",
        "\(peer)last_handshake_time_sec=9223372036854775808\nerrno=0\n\n",
        "\(peer)last_handshake_time_nsec=x\nerrno=0\n\n",
        "\(peer)preshared_key=00\nerrno=0\n\n",
        "\(peer)persistent_keepalive_interval=65536\nerrno=0\n\n",
        "\(peer)persistent_keepalive_interval=25-\nerrno=0\n\n",
        "\(peer)persistent_keepalive_interval=-25\nerrno=0\n\n",
        "\(peer)allowed_ip=10.0.0.2\nerrno=0\n\n",
        "\(peer)allowed_ip=10.0.0.2/33\nerrno=0\n\n",
        "\(peer)allowed_ip=10.0.0.2/\nerrno=0\n\n",
        "\(peer)allowed_ip=10.0.0/24\nerrno=0\n\n",
        "\(peer)allowed_ip=fd00::1::2/64\nerrno=0\n\n",
        "\(peer)allowed_ip=fd00::2/129\nerrno=0\n\n",
        "\(peer)allowed_ip=\(String(repeating: "1", count: 300))/8\nerrno=0\n\n",
        "\(peer)endpoint=192.0.2.1\nerrno=0\n\n",
        "\(peer)endpoint=192.0.2.1:65536\nerrno=0\n\n",
        "\(peer)endpoint=[2001:db8::7:4500\nerrno=0\n\n",
        "\(peer)endpoint=[]:4500\nerrno=0\n\n",
        "\(peer)endpoint=vpn.example.org:51820\nerrno=0\n\n",
        "\(peer)endpoint=192.0.2.01:51820\nerrno=0\n\n",
        "\(peer)endpoint=192.0.256.1:51820\nerrno=0\n\n",
        "\(peer)allowed_ip=10.0.0.2/32/\nerrno=0\n\n",
        "\(peer)allowed_ip=10.0.0.02/32\nerrno=0\n\n",
        "\(peer)preshared_key=\(key.dropLast(1))@\nerrno=0\n\n",
    ]

    @Test(arguments: malformed)
    func malformedAnswersAreRefusedWhole(_ text: String) {
        #expect { try decode(text) } throws: { ($0 as? MeterError)?.code == .malformed }
    }

    /// Behind a line of a peer that much more follows, it is first looked at in another way.
    @Test(arguments: malformed)
    func malformedAnswersAreRefusedWithMoreBehindThem(_ text: String) {
        let more = "new_thing=\(String(repeating: "x", count: 200))\n"
        let parts = text.components(separatedBy: "errno=")
        let long = parts.count < 2 ? text + more : parts[0] + more + "errno=" + parts[1...].joined()
        #expect { try decode(long) } throws: { ($0 as? MeterError)?.code == .malformed }
    }

    @Test(arguments: [1, 7, 100, 129, 1_000, 65_536])
    func anAnswerReadsTheSameInPiecesOfAnySize(_ size: Int) throws {
        let bytes = Array(Self.manyPeers.utf8)
        var decoder = UserspaceDecoder()
        var held: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            held += bytes[start..<min(start + size, bytes.count)]
            let taken = try decoder.feed(held.span.bytes, doing: "try")
            held.removeFirst(taken)
        }
        #expect(decoder.isComplete && held.isEmpty)
        let reply = try decoder.finish(doing: "try")
        #expect(reply.peers.map(\.dumpLine) == Self.manyPeersShown)
        #expect(reply.fingerprint == (try decode(bytes)).fingerprint)
    }

    @Test func aKeyThatRepeatsIsRefusedWhateverTheLastAnswerHad() throws {
        let usual = try decode("\(Self.peer)errno=0\n\n")
        var same = UserspaceDecoder(like: usual.extent)
        _ = try same.feed(Array("\(Self.peer)errno=0\n\n".utf8).span.bytes, doing: "try")
        #expect(try same.finish(doing: "try").peers.count == 1)
        var twice = UserspaceDecoder(like: usual.extent)
        _ = try twice.feed(
            Array("\(Self.peer)\(Self.peer)errno=0\n\n".utf8).span.bytes, doing: "try")
        #expect(throws: MeterError.self) { try twice.finish(doing: "try") }
    }

    @Test func onlyKeysAndAddressesMakeTheFingerprint() throws {
        let text = Self.manyPeers
        func fingerprint(_ other: String, _ new: String) throws -> UInt64 {
            let changed = text.replacingOccurrences(of: other, with: new)
            #expect(changed != text)
            return try decode(changed).fingerprint
        }
        let usual = try decode(text).fingerprint
        #expect(try fingerprint("rx_bytes=7\n", "rx_bytes=8\n") == usual)
        #expect(try fingerprint("endpoint=192.0.2.5:5", "endpoint=192.0.2.5:6") == usual)
        #expect(try fingerprint("allowed_ip=10.0.0.5/32", "allowed_ip=10.0.0.5/31") != usual)
        #expect(try fingerprint("allowed_ip=10.0.0.5/32\n", "") != usual)
        #expect(try fingerprint("public_key=05", "public_key=ff") != usual)
    }

    /// Peers as wireguard-go writes them, some with what few have.
    private static let manyPeers: String = {
        var text = "private_key=\(key)\nlisten_port=51820\n"
        for number in 0..<100 {
            let byte = Hexadecimal.encode([UInt8(number)])
            let secret = number.isMultiple(of: 3) ? "ab" : "00"
            text += "public_key=\(byte)\(key.dropFirst(2))\n"
            text += "preshared_key=\(String(repeating: secret, count: 32))\nprotocol_version=1\n"
            if number.isMultiple(of: 4) { text += "endpoint=[2001:db8::\(byte)]:51820\n" }
            if number % 4 == 1 { text += "endpoint=192.0.2.\(number):\(number)\n" }
            text += "last_handshake_time_sec=\(number)\nlast_handshake_time_nsec=\(number)\n"
            text += "tx_bytes=\(UInt64.max - UInt64(number))\nrx_bytes=\(number)\n"
            text += "persistent_keepalive_interval=\(number)\nallowed_ip=10.0.0.\(number)/32\n"
            if number.isMultiple(of: 5) { text += "allowed_ip=fd00::\(byte)/128\n" }
        }
        return text + "errno=0\n\n"
    }()

    private static let manyPeersShown: [String] = (0..<100).map { number in
        let byte = Hexadecimal.encode([UInt8(number)])
        let name = PublicKey(hexadecimal: byte + key.dropFirst(2))?.base64 ?? ""
        let secret = PublicKey(hexadecimal: String(repeating: "ab", count: 32))?.base64 ?? ""
        let six = "::\(number == 0 ? "" : String(number, radix: 16))"
        let endpoint =
            number.isMultiple(of: 4)
            ? "[2001:db8::\(byte)]:51820"
            : number % 4 == 1 ? "192.0.2.\(number):\(number)" : "(none)"
        let second = number.isMultiple(of: 5) ? ",fd00\(six)/128" : ""
        return [
            name, number.isMultiple(of: 3) ? secret : "(none)", endpoint,
            "10.0.0.\(number)/32\(second)", "\(number)", "\(number)",
            "\(UInt64.max - UInt64(number))", number == 0 ? "off" : "\(number)",
        ].joined(separator: "\t")
    }

    @Test func everyPrefixOfACapturedAnswerIsRefused() throws {
        let bytes = try Fixture.bytes("uapi-get.txt")
        for count in 0..<bytes.count {
            #expect { try decode(Array(bytes[..<count])) } throws: {
                ($0 as? MeterError)?.code == .malformed
            }
        }
    }

    @Test func aFlippedByteNeverCrashes() throws {
        let bytes = try Fixture.bytes("uapi-get.txt")
        var refused = 0
        for index in bytes.indices {
            for flip: UInt8 in [0x01, 0x0a, 0x80, 0xff] {
                var broken = bytes
                broken[index] ^= flip
                do { _ = try decode(broken) } catch { refused += 1 }
            }
        }
        #expect(refused > bytes.count)
    }

    @Test func anErrorNumberIsThrownInWords() throws {
        let bytes = try Fixture.bytes("uapi-set-refused.txt")
        #expect {
            try decode(bytes)
        } throws: { error in
            guard let error = error as? MeterError else { return false }
            return error.code == .failed && error.reason.contains("errno -22 (Invalid argument)")
        }
        #expect { try decode("errno=-1\n\n") } throws: { ($0 as? MeterError)?.code == .denied }
        #expect { try decode("errno=-9223372036854775807\n\n") } throws: { $0 is MeterError }
    }

    @Test func anErrorHoldsNothingOfTheAnswersValues() throws {
        let secret = "5eC12e7" + String(repeating: "0", count: 60)
        let texts = [
            "private_key=\(secret)\npublic_key=\(secret)\nerrno=0\n\n",
            "\(Self.peer)preshared_key=\(secret)\nerrno=0\n\n",
        ]
        for text in texts {
            #expect { try decode(text) } throws: { error in !"\(error)".contains("5eC12e7") }
        }
    }

    @Test func aCapturedAnswerReadsAsWgPrintsIt() throws {
        let reply = try decode(Fixture.bytes("uapi-get.txt"))
        let dump = try Fixture.text("uapi-get.dump").split(separator: "\n")
        #expect(reply.listenPort == 51820)
        #expect(Set(reply.peers.map(\.dumpLine)) == Set(dump.dropFirst().map(String.init)))
        #expect(reply.peers.count == 3)
    }

    @Test func nothingOfThePrivateKeyIsKept() throws {
        let bytes = try Fixture.bytes("uapi-get.txt")
        let text = String(decoding: bytes, as: UTF8.self)
        let line = try #require(text.split(separator: "\n").first)
        let secret = try #require(PublicKey(hexadecimal: line.dropFirst("private_key=".count)))
        let described = "\(try decode(bytes))"
        #expect(!described.contains("\(secret)"))
        #expect(!described.contains(secret.hexadecimal))
    }

    @Test func unknownNamesAreSkippedEverywhere() throws {
        let text = """
            jc=4
            s1=25-30
            i1=<b 0x=00><c>
            own_public_key=\(Self.key)
            rx_bytes=not a peer's
            \(Self.peer)protocol_version=1
            new_thing=a=b
            listen_port=of no device
            last_handshake_time_usec=x
            =
            errno=0


            """
        let reply = try decode(text)
        #expect(reply.listenPort == nil)
        #expect(reply.peers.map(\.value) == [Traffic(uplink: 1, downlink: 2)])
    }

    /// Lines that amneziawg-go has and wireguard-go has not, by its versions, from its source.
    @Test(arguments: [
        "jc=4\njmin=40\njmax=70\ns1=86\ns2=92\nh1=1001\nh2=1002\nh3=1003\nh4=1004\n",
        "jc=4\ns1=86\ns3=1\ns4=2\ni1=<b 0xf6ab><r 100>\nj1=<t>\nitime=60\nh1=5-9\n",
        "jc=4\nh1=5-4294967295\ni1=<b 0xf6><c><t>\ni5=<rd 9>\n",
        """
        header_protection_key=\(key)
        content_padding_addition=0-64
        rekey_after_time=100-140
        rekey_timeout=5
        reject_after_time=180
        keepalive_timeout=8-12
        max_handshake_attempts=18
        random_trailers=1
        disable_cookies=0

        """,
    ])
    func whatOnlyAmneziaHasIsPassedOver(_ lines: String) throws {
        let reply = try decode(
            "private_key=\(Self.key)\nlisten_port=51820\n\(lines)\(Self.peer)errno=0\n\n")
        #expect(reply.listenPort == 51820)
        #expect(reply.peers.map(\.value) == [Traffic(uplink: 1, downlink: 2)])
    }

    @Test func keepalivesThatAreRangesAreNeverRejected() throws {
        let reply = try decode("\(Self.peer)persistent_keepalive_interval=25-30\nerrno=0\n\n")
        #expect(reply.peers.first?.settings.keepalive == 25)
        #expect(reply.peers.first?.settings.longestKeepalive == 30)
    }

    @Test func theLargestNumbersAreRead() throws {
        let text = """
            public_key=\(Self.key.uppercased())
            rx_bytes=18446744073709551615
            tx_bytes=0018446744073709551615
            last_handshake_time_sec=9223372036854775807
            persistent_keepalive_interval=65535
            endpoint=[fe80::1%eth0]:65535
            allowed_ip=0.0.0.0/0
            allowed_ip=::/0
            allowed_ip=::ffff:1.2.3.4/128
            errno=0


            """
        let peer = try #require(try decode(text).peers.first)
        #expect(peer.value == Traffic(uplink: .max, downlink: .max))
        #expect(peer.lastHandshake == .max)
        #expect(peer.settings.keepalive == .max)
        #expect(peer.settings.endpoint == "[fe80::1%eth0]:65535")
        #expect(peer.settings.addresses.map(\.prefixLength) == [0, 0, 128])
    }

    @Test(
        "a handshake in the first second of 1970 is not none",
        arguments: [(0, 0, 0), (0, 1, 1), (0, 999_999_999, 1), (1, 0, 1), (5, 7, 5)])
    func handshakes(seconds: Int, nanoseconds: Int, told: Int64) throws {
        let times = [
            "last_handshake_time_sec=\(seconds)", "last_handshake_time_nsec=\(nanoseconds)",
        ]
        for lines in [times, times.reversed()] {
            let text = "\(Self.peer)\(lines.joined(separator: "\n"))\nerrno=0\n\n"
            #expect(try decode(text).peers.map(\.lastHandshake) == [told])
        }
    }

    @Test func fiftyThousandPeersAreReadInOneGo() throws {
        var text = ""
        for number in 0..<50_000 {
            let key = Hexadecimal.encode((0..<32).map { UInt8(truncatingIfNeeded: number >> $0) })
            text += "public_key=\(key)\nrx_bytes=\(number)\ntx_bytes=\(number * 2)\n"
        }
        let reply = try decode(text + "errno=0\n\n")
        #expect(reply.peers.count == 50_000)
        #expect(reply.peers.last?.value == Traffic(uplink: 49_999, downlink: 99_998))
    }

    private func decode(_ text: String) throws -> UserspaceReply {
        try decode(Array(text.utf8))
    }

    private func decode(_ bytes: [UInt8]) throws -> UserspaceReply {
        try UserspaceReply.decode(bytes.span.bytes, doing: "read wireguard/wg0")
    }
}

extension UserspacePeer {
    /// The peer as `wg show INTERFACE dump` prints it.
    fileprivate var dumpLine: String {
        let addresses = settings.addresses.map(\.description).joined(separator: ",")
        let fields = [
            key.base64, settings.presharedKey?.base64 ?? "(none)", settings.endpoint ?? "(none)",
            addresses.isEmpty ? "(none)" : addresses, "\(lastHandshake)", "\(value.uplink)",
            "\(value.downlink)", settings.keepalive == 0 ? "off" : "\(settings.keepalive)",
        ]
        return fields.joined(separator: "\t")
    }
}

/// Captures of real answers, with keys that were made for the capture.
enum Fixture {
    static func bytes(_ name: String) throws -> [UInt8] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/WireGuard/\(name)")
        return Array(try Data(contentsOf: file))
    }

    static func text(_ name: String) throws -> String {
        String(decoding: try bytes(name), as: UTF8.self)
    }
}
