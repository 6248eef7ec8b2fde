package import Accounting

/// What one element of the agent's own table has counted.
///
/// Its incarnation is the boot, the namespace's cookie, `table` and `token`: an element that
/// somebody flushed, and that was added again, has another token.
package struct OwnCounter: Hashable, Sendable {
    /// The key that it was made for. A key of several ports has elements for each, and an element
    /// that two keys share stands here once for each of them.
    package var key: PortKey
    /// Which way.
    package var direction: FilterCounter.Direction
    /// Of which packets.
    package var isIPv6: Bool
    /// Packets since the element was made.
    package var packets: UInt64
    /// IP's total length of each of them, headers included.
    package var bytes: UInt64
    /// Random, made with the element.
    package var token: UInt64
    /// The table's handle, never used again within a boot.
    package var table: UInt64

    /// The token as it stands in the element's comment: 16 hexadecimal digits.
    package var tokenText: String { OwnElement.text(ofToken: token) }
}
