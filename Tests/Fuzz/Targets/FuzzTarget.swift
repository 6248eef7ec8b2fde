/// A way into the program that takes any bytes: it may refuse them, never trap, hang or believe
/// what cannot be.
package struct FuzzTarget: Sendable {
    /// Its name, which its folder of kept inputs has too.
    package let name: String
    /// Gives it the bytes; throws a `FuzzFinding` for what must not be.
    package let run: @Sendable ([UInt8]) async throws -> Void

    /// Names a target.
    package init(_ name: String, _ run: @escaping @Sendable ([UInt8]) async throws -> Void) {
        self.name = name
        self.run = run
    }

    /// Every target on the agent's side and of what both sides share.
    package static let all: [FuzzTarget] =
        netlinkTargets + nftablesTargets + ownTargets + wireguardTargets + rewriteTargets
        + textTargets + protocolTargets + ledgerTargets + legacyTargets
}

/// Something that a target must not do.
package struct FuzzFinding: Error, CustomStringConvertible {
    /// What it did.
    package let description: String

    /// Says what it did.
    package init(_ description: String) { self.description = description }

    /// Throws unless `condition` holds.
    package static func unless(
        _ condition: Bool, _ description: @autoclosure () -> String
    ) throws(FuzzFinding) {
        guard condition else { throw FuzzFinding(description()) }
    }
}

/// Runs `body`, whose refusals are in order when they are of type `Refusal`.
///
/// Returns nil where it refused; any other error goes on.
func refusing<Refusal: Error, Value>(
    _: Refusal.Type, _ body: () throws -> Value
) throws -> Value? {
    do {
        return try body()
    } catch is Refusal {
        return nil
    }
}

/// Bytes taken as choices, so that a mutated input is still a sensible course of events. When
/// they are used up every choice is the first one.
package struct Choices {
    private var rest: ArraySlice<UInt8>

    /// Chooses by these bytes.
    package init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// Whether there is nothing left to choose by.
    package var isEmpty: Bool { rest.isEmpty }

    /// A number below `limit`, which is at most 256.
    package mutating func number(below limit: Int) -> Int {
        Int(rest.popFirst() ?? 0) % max(limit, 1)
    }

    /// Any number; small ones and those at the edges of their types come often.
    package mutating func amount() -> UInt64 {
        switch number(below: 8) {
        case 0: 0
        case 1: UInt64(number(below: 256))
        case 2: UInt64(Int64.max)
        case 3: UInt64(Int64.max) + 1
        case 4: UInt64.max
        case 5: UInt64(UInt32.max)
        default: bytes(4).reduce(0) { $0 << 8 | UInt64($1) }
        }
    }

    /// The next bytes, at most `count`.
    package mutating func bytes(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    /// Whether one of `chances` happens.
    package mutating func happens(onceIn chances: Int) -> Bool {
        number(below: chances) == chances - 1
    }
}
