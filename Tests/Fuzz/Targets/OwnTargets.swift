@testable import Meters
@testable import Netlink

extension FuzzTarget {
    /// What the kernel says of the agent's own table.
    static let ownTargets = [
        FuzzTarget("own-elements", ownElements), FuzzTarget("own-table", ownTable),
    ]

    /// The elements of a set: the first byte chooses the length of its keys.
    private static func ownElements(_ bytes: [UInt8]) throws {
        let keyLength = [4, 12, 16, 20, 32][Int(bytes.first ?? 0) % 5]
        let dump = OwnElementDump(keyLength: keyLength)
        let entries = try refusing(NetlinkError.self) {
            try bytes.dropFirst().withUnsafeBytes { try dump.entries($0.bytes) }
        }
        let count = entries?.count ?? 0
        try FuzzFinding.unless(
            count * (keyLength + 12) <= bytes.count,
            "\(count) elements with keys of \(keyLength) bytes in \(bytes.count) bytes")
    }

    /// Tables, chains, sets and rules: the first byte chooses which.
    private static func ownTable(_ bytes: [UInt8]) throws {
        var (state, chains) = (OwnState(), OwnChains())
        let kind = (bytes.first ?? 0) % 4
        _ = try refusing(NetlinkError.self) {
            try bytes.dropFirst().withUnsafeBytes { buffer in
                switch kind {
                case 0: try state.takeTable(buffer.bytes)
                case 1: try state.takeSet(buffer.bytes)
                case 2: try state.takeRule(buffer.bytes)
                default: try chains.take(buffer.bytes)
                }
            }
        }
        try FuzzFinding.unless(state.sets.count <= 1 && chains.own.count <= 1, "one made several")
    }
}
