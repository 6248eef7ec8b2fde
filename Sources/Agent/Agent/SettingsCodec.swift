import Accounting
import FoundationEssentials
import Meters

/// Peer settings as the ledger keeps them. Secret.
enum SettingsCodec {
    private struct Stored: Codable {
        var presharedKey: String?
        var addresses: [String]
        var keepalive: UInt16
        var longestKeepalive: UInt16?
        var endpoint: String?
        var advancedSecurity: Bool?
    }

    static func encode(_ settings: PeerSettings) throws -> [UInt8] {
        let stored = Stored(
            presharedKey: settings.presharedKey?.base64,
            addresses: settings.addresses.map(\.description), keepalive: settings.keepalive,
            longestKeepalive: settings.longestKeepalive, endpoint: settings.endpoint,
            advancedSecurity: settings.advancedSecurity ? true : nil)
        return Array(try JSONEncoder().encode(stored))
    }

    /// The settings of `key`; nil where the bytes are not settings.
    static func decode(_ bytes: [UInt8], of key: Key) -> PeerSettings? {
        guard let stored = try? JSONDecoder().decode(Stored.self, from: Data(bytes)) else {
            return nil
        }
        let addresses = stored.addresses.compactMap { AddressRange($0) }
        guard addresses.count == stored.addresses.count else { return nil }
        var settings = PeerSettings(
            key: key, presharedKey: stored.presharedKey.flatMap { PublicKey(base64: $0) },
            addresses: addresses, keepalive: stored.keepalive, endpoint: stored.endpoint)
        settings.longestKeepalive = stored.longestKeepalive
        settings.advancedSecurity = stored.advancedSecurity ?? false
        return settings
    }
}
