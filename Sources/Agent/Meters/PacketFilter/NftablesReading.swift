/// All counters that nftables has at one instant.
package struct NftablesReading: Sendable {
    /// The counters, each identity once.
    package var counters: [FilterCounter]
    /// The same for two readings of one reader that differ in nothing but counts.
    package var shape: UInt64
    /// False where the rules changed in each of the tries: what was read is right, but what is not
    /// there may have been passed over.
    package var isWhole: Bool
    /// The generation of the ruleset that was read.
    package var generation: UInt32
}
