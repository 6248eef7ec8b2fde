import Foundation

/// Random numbers that come again from the same seed (SplitMix64).
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// The same seed gives the same numbers.
    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// Whether something that happens once in `times` happens now.
    package mutating func happens(onceIn times: Int) -> Bool {
        Int.random(in: 0..<times, using: &self) == 0
    }
}

/// What a random test is told from outside.
package enum Chance {
    /// `TEST_SEED`, or a new seed. It is printed, so that a run can be had again.
    package static func seed(of test: String) -> UInt64 {
        let given = number("TEST_SEED").map(UInt64.init)
        let seed = given ?? UInt64.random(in: 1...999_999_999)
        print("\(test): TEST_SEED=\(seed)")
        return seed
    }

    /// How often something is done: the environment variable `name`, or `usual`.
    package static func count(_ name: String, usual: Int) -> Int {
        number(name).map { Int($0) } ?? usual
    }

    /// Whether the environment variable `name` holds a number.
    package static func isGiven(_ name: String) -> Bool { number(name) != nil }

    private static func number(_ name: String) -> UInt32? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt32($0) }
    }
}
