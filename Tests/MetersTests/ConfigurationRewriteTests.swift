import Accounting
import Foundation
import TestSupport
import Testing

@testable import Meters

/// Keeping peers out of a configuration file and bringing them back: broken files first.
@Suite struct ConfigurationRewriteTests {
    static let plain = ConfigurationRewrite()
    static let amnezia = ConfigurationRewrite(isSharedWithAmnezia: true)

    static let alice = PublicKey((0..<32).map { _ in 0xa1 }) ?? .zero
    static let bob = PublicKey((0..<32).map { _ in 0xb0 }) ?? .zero

    func set(
        _ access: Access, _ key: PublicKey, in text: String, _ rewrite: ConfigurationRewrite = plain
    ) -> String {
        let result = rewrite.apply(to: Array(text.utf8)) { $0 == key ? access : nil }
        return String(decoding: result.bytes, as: UTF8.self)
    }

    @Test(arguments: [
        "", "\n", "[", "[Peer", "[Peer]", "[Peer]\nPublicKey\n", "[Peer]\nPublicKey = \n",
        "PublicKey = \(alice.base64)\n", "[Peer]\n#PublicKey = \(alice.base64)\n",
        "[Peer]\nPublicKey = \(alice.base64.dropLast())\n",
        "[Interface]\nPublicKey = \(alice.base64)\n", "[Peers]\nPublicKey = \(alice.base64)\n",
        "[Peer]\nPublicKey = \(alice.base64)\nPublicKey = \(bob.base64)\n",
        "#Tollkeeper = shut: \n", "#Tollkeeper = end\n",
        "#Tollkeeper = end\n#Tollkeeper = shut: \n",
        "#Tollkeeper = shut: \n#Tollkeeper = shut, disguised: \n", "\u{feff}", "\u{0}[Peer]\n",
    ])
    func whatHoldsNoBlockOfTheKeyIsLeftAsItIs(_ text: String) {
        for access in [Access.shut, .open, .deleted] {
            #expect(set(access, Self.alice, in: text) == text)
            #expect(set(access, Self.alice, in: text, Self.amnezia) == text)
        }
    }

    @Test(arguments: [
        "#Tollkeeper = shut: \n#[Peer]\n#PublicKey = \(alice.base64)\n",
        "#Tollkeeper = shut: \n#[Peer]\n[Peer]\n#PublicKey = \(alice.base64)\n#Tollkeeper = end\n",
        "#Tollkeeper = shut: \n#[Peer]\n#PublicKey = \(alice.base64)\n#Tollkeeper = shut: \n",
    ])
    func aMarkWithoutItsEndIsToldAndLeftAsItIs(_ text: String) {
        let result = Self.plain.apply(to: Array(text.utf8)) { _ in .open }
        #expect(result.bytes == Array(text.utf8))
        #expect(result.problems.first == "line 1 is Tollkeeper's mark without its end mark")
        #expect(result.shut.isEmpty)
    }

    @Test func settingsBehindAShutBlockAreNotTornFromTheirPeer() {
        let text =
            set(
                .shut, Self.bob,
                in: """
                    [Peer]
                    PublicKey = \(Self.alice.base64)
                    [Peer]
                    PublicKey = \(Self.bob.base64)
                    """) + "AllowedIPs = 10.0.0.2/32\n"
        let result = Self.plain.apply(to: Array(text.utf8)) { _ in .shut }
        #expect(result.bytes == Array(text.utf8))
        #expect(result.problems.first?.hasPrefix("the block of \(Self.alice.base64)") == true)
    }

    @Test func bytesThatAreNoTextNeverCrashAndComeBack() {
        var random = SeededRandom(7)
        let words = Array("[Peer]\n#= \r\t~[.(Tollkeeper\u{0}é\u{feff}".utf8) + [0xff, 0xc3]
        for _ in 0..<3000 {
            let noise = (0..<150).map { _ in words.randomElement(using: &random) ?? 0 }
            let block = Array("\n[Peer]\nPublicKey=\(Self.alice.base64)\n".utf8)
            let bytes = noise + block + noise.reversed()
            for rewrite in [Self.plain, Self.amnezia] {
                let shut = rewrite.apply(to: bytes) { $0 == Self.alice ? .shut : nil }
                #expect(shut.shut == [Self.alice] || shut.problems.isEmpty == false)
                let open = rewrite.apply(to: shut.bytes) { $0 == Self.alice ? .open : nil }
                #expect(open.bytes == bytes)
            }
        }
    }

    static let file = """
        [Interface]
        PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
        ListenPort = 51820

        # alice
        [Peer]
        # her phone
        PublicKey = \(alice.base64)

        AllowedIPs = 10.8.1.2/32
        Endpoint = [2001:db8::1]:51820
        # bob
        [Peer]
        PublicKey = \(bob.base64)
        AllowedIPs = 10.8.1.3/32

        """

    @Test func aShutBlockKeepsEveryLineBehindANumberSign() {
        let shut = set(.shut, Self.alice, in: Self.file)
        #expect(
            shut == """
                [Interface]
                PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
                ListenPort = 51820

                # alice
                #Tollkeeper = shut: the lines to the end mark come back as they were when the \
                client is restored
                #[Peer]
                ## her phone
                #PublicKey = \(Self.alice.base64)

                #AllowedIPs = 10.8.1.2/32
                #Endpoint = [2001:db8::1]:51820
                #Tollkeeper = end
                # bob
                [Peer]
                PublicKey = \(Self.bob.base64)
                AllowedIPs = 10.8.1.3/32

                """)
        #expect(set(.shut, Self.alice, in: shut) == shut)
        #expect(set(.open, Self.bob, in: shut) == shut)
        #expect(set(.open, Self.alice, in: shut) == Self.file)
    }

    /// Amnezia's app cuts at every bracket, drops the first piece with the key, and joins the rest.
    static func revokeInApp(_ key: PublicKey, _ text: String) -> String {
        var pieces = text.split(separator: "[", omittingEmptySubsequences: true)
        if let index = pieces.firstIndex(where: { $0.contains(key.base64) }) {
            pieces.remove(at: index)
        }
        return "[" + pieces.joined(separator: "[")
    }

    @Test func inAmneziasFileTheAppHarmsNoNeighbour() throws {
        let shut = set(.shut, Self.bob, in: Self.file, Self.amnezia)
        #expect(shut.contains("#AllowedIPs = 10.8.1.3/32"))
        #expect(!shut.contains(Self.bob.base64))
        // The app revokes the shut client: nobody else goes.
        #expect(Self.revokeInApp(Self.bob, shut) == shut)
        #expect(set(.open, Self.bob, in: shut, Self.amnezia) == Self.file)
        // The app revokes the client before it: what is shut does not come to life.
        let plainFile = Self.file.replacing("Endpoint = [2001:db8::1]:51820\n", with: "")
        let other = Self.revokeInApp(
            Self.alice, set(.shut, Self.bob, in: plainFile, Self.amnezia))
        let left = InterfaceConfiguration(other.utf8)
        #expect(left.peers.isEmpty)
        #expect(left.problems.isEmpty)
    }

    @Test func theReaderKnowsWhoIsShutAndWhatTheyAreCalled() throws {
        for rewrite in [Self.plain, Self.amnezia] {
            let shut = set(.shut, Self.alice, in: Self.file, rewrite)
            let configuration = InterfaceConfiguration(shut.utf8)
            #expect(configuration.problems.isEmpty)
            #expect(Array(configuration.peers.keys) == [Self.bob])
            #expect(configuration.peers[Self.bob]?.name == "bob")
            let peer = try #require(configuration.shut[Self.alice])
            #expect(peer.name == "alice")
            #expect(
                peer.settings == InterfaceConfiguration(Self.file.utf8).peers[Self.alice]?.settings)
        }
    }

    @Test func aMarkAboveAShutBlockNamesNobodyElse() {
        let text = """
            ### Client alice
            [Peer]
            PublicKey = \(Self.alice.base64)

            [Peer]
            PublicKey = \(Self.bob.base64)
            """
        let shut = InterfaceConfiguration(set(.shut, Self.alice, in: text).utf8)
        #expect(shut.peers[Self.bob]?.name == nil)
        #expect(shut.shut[Self.alice]?.name == "alice")
        let deleted = InterfaceConfiguration(set(.deleted, Self.alice, in: text).utf8)
        #expect(deleted.peers[Self.bob]?.name == nil)
    }

    @Test(arguments: [false, true])
    func aDeleteTakesTheBlockOutWithItsName(_ isShutBefore: Bool) {
        let before = isShutBefore ? set(.shut, Self.alice, in: Self.file) : Self.file
        #expect(
            set(.deleted, Self.alice, in: before) == """
                [Interface]
                PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
                ListenPort = 51820

                # bob
                [Peer]
                PublicKey = \(Self.bob.base64)
                AllowedIPs = 10.8.1.3/32

                """)
    }

    @Test func aDeleteLeavesNeighboursCommentsAlone() {
        let text = """
            ### begin alice ###
            [Peer]
            PublicKey = \(Self.alice.base64)
            ### end alice ###
            ### begin bob ###
            [Peer]
            PublicKey = \(Self.bob.base64)
            #PersistentKeepalive = 25
            ### end bob ###

            """
        #expect(
            set(.deleted, Self.alice, in: text) == """
                ### begin bob ###
                [Peer]
                PublicKey = \(Self.bob.base64)
                #PersistentKeepalive = 25
                ### end bob ###

                """)
    }

    @Test func anAddressThatAnotherBlockHasNowIsNotTakenAway() {
        let shut = set(.shut, Self.alice, in: Self.file)
            .replacing("10.8.1.3/32", with: "10.8.1.2/32")
        let result = Self.plain.apply(to: Array(shut.utf8)) { _ in .open }
        #expect(result.bytes == Array(shut.utf8))
        #expect(result.problems.count == 1)
        #expect(result.problems.first?.contains(Self.bob.base64) == true)
    }

    @Test func whatIsAppendedBehindALastLineWithoutLineFeedStandsOnItsOwn() {
        let text = "[Peer]\nPublicKey = \(Self.alice.base64)"
        let shut = set(.shut, Self.alice, in: text)
        #expect(set(.open, Self.alice, in: shut) == text)
        let added = shut + "[Peer]\nPublicKey = \(Self.bob.base64)\n"
        #expect(InterfaceConfiguration(added.utf8).peers[Self.bob] != nil)
        #expect(
            set(.open, Self.alice, in: added) == text
                + "\n[Peer]\nPublicKey = \(Self.bob.base64)\n")
    }

    /// Files as they are found, thousands of them: every combination of line ends, spaces, case,
    /// comments, marks, sections, and keys with several blocks.
    @Test func shuttingAndOpeningGivesBackTheVeryBytes() {
        for seed in 0..<4000 {
            var files = ConfigurationFiles(seed: UInt64(seed))
            let (bytes, keys) = files.next()
            let chosen = Set(keys.filter { _ in Bool.random(using: &files.random) })
            let rewrite = ConfigurationRewrite(isSharedWithAmnezia: seed % 2 == 0)
            let shut = rewrite.apply(to: bytes) { $0.map(chosen.contains) == true ? .shut : nil }
            #expect(shut.problems.isEmpty, "seed \(seed)")
            #expect(Set(shut.shut) == chosen, "seed \(seed)")
            let again = rewrite.apply(to: shut.bytes) {
                $0.map(chosen.contains) == true ? .shut : nil
            }
            #expect(again.bytes == shut.bytes, "seed \(seed)")
            #expect(
                Self.rest(of: shut.bytes, without: chosen) == Self.rest(of: bytes, without: chosen))
            // One by one, in any order, and back the same way.
            var step = shut.bytes
            for key in chosen.shuffled(using: &files.random) {
                step = rewrite.apply(to: step) { $0 == key ? .open : nil }.bytes
            }
            #expect(step == bytes, "seed \(seed)")
        }
    }

    /// The settings of every peer but `keys`.
    static func rest(of bytes: [UInt8], without keys: Set<PublicKey>) -> [PublicKey: PeerSettings?]
    {
        InterfaceConfiguration(bytes).peers.filter { !keys.contains($0.key) }
            .mapValues(\.settings)
    }

    /// `wg` itself takes the file, and finds exactly the peers that are not shut.
    @Test(arguments: [false, true]) func wgTakesAFileWithShutBlocks(_ isAmnezias: Bool) throws {
        let tunnel = try Tunnel(clients: ["alice", "bob", "carol"])
        defer { tunnel.close() }
        let rewrite = ConfigurationRewrite(isSharedWithAmnezia: isAmnezias)
        let key = try #require(PublicKey(base64: try tunnel.client("bob").keys.publicKey))
        let shut = rewrite.apply(to: Array(tunnel.configuration.utf8)) { $0 == key ? .shut : nil }
        let folder = try TemporaryFolder()
        let file = try folder.write(String(decoding: shut.bytes, as: UTF8.self), to: "wg7.conf")
        let stripped = try Command.run("wg-quick", "strip", file)
        let active = stripped.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(!active.joined().contains(key.base64))
        let plain = try folder.write(stripped, to: "stripped.conf")
        for path in [file, plain] {
            try tunnel.configure()
            try tunnel.namespace.run("wg", "syncconf", tunnel.interface, path)
            let peers = try tunnel.namespace.run("wg", "show", tunnel.interface, "peers")
            let wanted = try ["alice", "carol"].map { try tunnel.client($0).keys.publicKey }
            #expect(Set(peers.split(separator: "\n").map(String.init)) == Set(wanted))
        }
    }
}

/// A source of random numbers that a seed repeats.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &+ 0x9e37_79b9_7f4a_7c15 }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let mixed = (state ^ (state >> 29)) &* 0xbf58_476d_1ce4_e5b9
        return mixed ^ (mixed >> 32)
    }
}

/// Makes configuration files as people, scripts and panels write them.
struct ConfigurationFiles {
    var random: SeededRandom
    private var number: UInt8 = 0

    init(seed: UInt64) { random = SeededRandom(seed) }

    /// A file and the keys that it has.
    mutating func next() -> ([UInt8], [PublicKey]) {
        let end = pick(["\n", "\r\n"])
        var lines = ["[Interface]", "PrivateKey = x", "Address = 10.0.0.1/24 # me"]
        var keys: [PublicKey] = []
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            let isKnown = !keys.isEmpty && Int.random(in: 0...6, using: &random) == 0
            let key =
                isKnown
                ? keys[0]
                : PublicKey((0..<32).map { _ in UInt8.random(in: 1...255, using: &random) })
                    ?? .zero
            if !isKnown { keys.append(key) }
            lines += between() + block(of: key) + between()
        }
        if Int.random(in: 0...4, using: &random) == 0 { lines += ["[Strange]", "Some = thing"] }
        var text = pick(["", "", "\u{feff}"])
        for (index, line) in lines.enumerated() {
            let isLast = index == lines.count - 1
            let own = Int.random(in: 0...9, using: &random) == 0 ? pick(["\n", "\r\n"]) : end
            text += line + (isLast && Bool.random(using: &random) ? "" : own)
        }
        return (Array(text.utf8), keys)
    }

    private mutating func block(of key: PublicKey) -> [String] {
        number &+= 1
        var settings = [
            pick(["PublicKey = ", "publickey=", "\tPUBLICKEY =\t", "Public Key = "]) + key.base64
                + pick(["", " ", " # the key", "#x"]),
            pick(["AllowedIPs = ", "allowedips=", " AllowedIPs="]) + "10.0.0.\(number)/32",
        ]
        let more = [
            "PresharedKey = /UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak=",
            "PersistentKeepalive = 25", "Endpoint = [2001:db8::1]:51820",
            "#AllowedIPs = 10.9.9.9/32",
            "# ~( a [note] ~~ ~.", "", "  \t", "## twice", "nonsense ~", "#Tollkeeper = end",
        ]
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            settings.insert(pick(more), at: Int.random(in: 0...settings.count, using: &random))
        }
        let header = pick(["[Peer]", "[peer]", " [PEER] ", "[Peer] # x", "[ Peer ]"])
        return [header] + settings
    }

    private mutating func between() -> [String] {
        (0..<Int.random(in: 0...3, using: &random)).map { _ in
            pick(["", "# someone", "### Client someone", " ", "#Tollkeeper = end", "#[Peer]", "#"])
        }
    }

    private mutating func pick(_ words: [String]) -> String {
        words.randomElement(using: &random) ?? ""
    }
}
