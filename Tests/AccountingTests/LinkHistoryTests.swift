import Accounting
import Testing

/// Random histories of a kernel device, against a model of it.
@Suite struct LinkHistoryTests {
    private static let names = (0..<6).map { "peer\($0)" }

    @Test(arguments: 0..<400)
    func whateverHappensNobodyIsChargedMoreThanWasShownAndWhatMayBeMissingIsHeld(seed: UInt64) {
        var random = Seeded(seed)
        var kernel = KernelModel()
        var books = Books()
        for name in Self.names.prefix(4) { kernel.add(name) }
        for step in 0..<25 {
            for _ in 0..<random.below(8) { Self.act(&kernel, &random) }
            kernel.now += Int64(random.below(3)) * 7
            books.read(&kernel)
            for name in Self.names {
                let shown = kernel.shown[name] ?? .zero
                let charged = books.charged[name] ?? .zero
                let held = books.held[name] ?? .zero
                #expect(shown.isAtLeast(charged), "seed \(seed), step \(step), \(name)")
                let accounted = KernelModel.sum(charged, held)
                #expect(accounted.isAtLeast(shown), "seed \(seed), step \(step), \(name)")
            }
        }
    }

    @Test(arguments: 0..<400)
    func whereNothingPassedUnseenEveryByteIsCharged(seed: UInt64) {
        var random = Seeded(seed)
        var kernel = KernelModel()
        var books = Books()
        for name in Self.names { kernel.add(name) }
        for step in 0..<25 {
            // Peers come, go and come back right after a reading, before anything else passes.
            Self.rearrange(&kernel, &random)
            // More than a few handshakes, which prove nothing (see LinkAuditTests).
            for _ in 0..<random.below(12) {
                kernel.pass(
                    random.element(of: Self.names), up: 1_024 + random.amount(),
                    down: random.amount(), rekeys: random.below(4) == 0)
            }
            kernel.now += 10
            books.read(&kernel)
            for name in Self.names {
                let shown = kernel.shown[name] ?? .zero
                #expect(books.charged[name] ?? .zero == shown, "seed \(seed), step \(step)")
            }
            #expect(books.held.isEmpty, "seed \(seed), step \(step)")
        }
    }

    @Test(arguments: 0..<400)
    func trafficWhileTheDeviceIsReadLeavesNoMoreOpenThanItCarried(seed: UInt64) {
        var random = Seeded(seed)
        var kernel = KernelModel()
        var books = Books()
        for name in Self.names { kernel.add(name) }
        for step in 0..<25 {
            for _ in 0..<random.below(8) { Self.act(&kernel, &random) }
            kernel.now += 10
            var traffic = Seeded(random.next())
            books.read(&kernel) { kernel in
                kernel.pass(
                    traffic.element(of: Self.names), up: traffic.below(3000),
                    down: traffic.below(3000))
            }
            for name in Self.names {
                let shown = kernel.shown[name] ?? .zero
                let charged = books.charged[name] ?? .zero
                #expect(shown.isAtLeast(charged), "seed \(seed), step \(step), \(name)")
            }
        }
        // What a reading left in doubt is settled by the next ones.
        for _ in 0..<2 { books.read(&kernel) }
        // The bounds of both readings that lie about an interval count.
        let open = Traffic(uplink: 2 * books.blur, downlink: 2 * books.blur)
        for name in Self.names {
            let accounted = KernelModel.sum(
                books.charged[name] ?? .zero, books.held[name] ?? .zero)
            #expect(
                KernelModel.sum(accounted, open).isAtLeast(kernel.shown[name] ?? .zero),
                "seed \(seed), \(name)")
        }
    }

    /// One thing that happens between two readings.
    private static func act(_ kernel: inout KernelModel, _ random: inout Seeded) {
        let name = random.element(of: names)
        switch random.below(10) {
        case 0: kernel.remove(name)
        case 1: kernel.add(name)
        case 2:
            kernel.remove(name)
            kernel.add(name)
            kernel.pass(name, up: random.amount() * 3, down: random.amount() * 3)
        case 3 where random.below(3) == 0:
            kernel.replaceAll(with: kernel.peers.map(\.name))
        case 4:
            // A client that nobody ever sees.
            kernel.add("passer-by")
            kernel.pass("passer-by", up: random.amount(), down: random.amount())
            kernel.remove("passer-by")
        default:
            kernel.pass(
                name, up: random.amount(), down: random.amount(), rekeys: random.below(4) == 0)
        }
    }

    private static func rearrange(_ kernel: inout KernelModel, _ random: inout Seeded) {
        switch random.below(6) {
        case 0: kernel.replaceAll(with: kernel.peers.map(\.name))
        case 1: kernel.replaceAll(with: random.shuffled(names))
        case 2: kernel.remove(random.element(of: names))
        default:
            // The last ones, in their order: nothing but the link can tell.
            let count = Int(random.below(4))
            for name in kernel.peers.map(\.name).suffix(count) {
                kernel.remove(name)
                kernel.add(name)
            }
            for name in random.shuffled(names).prefix(Int(random.below(2))) {
                kernel.remove(name)
                kernel.add(name)
            }
        }
    }
}

/// Repeatable chance.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ limit: UInt64) -> UInt64 { next() % limit }

    /// Bytes: some small, some large, so that values overtake each other.
    mutating func amount() -> UInt64 {
        below(2) == 0 ? below(2_000) * 16 : below(40_000_000)
    }

    mutating func element(of names: [String]) -> String { names[Int(below(UInt64(names.count)))] }

    mutating func shuffled(_ names: [String]) -> [String] { names.shuffled(using: &self) }
}
