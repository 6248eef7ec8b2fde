internal import Accounting

/// A tunnel address that a peer to be restored would take away from another.
///
/// WireGuard moves an allowed IP to the last peer that asks for exactly that range, without an
/// error; a longer or shorter range beside it is a legitimate route.
struct AddressConflict {
    /// The range that both want.
    var address: AddressRange
    /// Who has it now.
    var owner: Key

    /// The first conflict of `settings` with `present` peers or with each other; nil for none.
    static func first(
        restoring settings: [PeerSettings], among present: [PeerSettings]
    ) -> AddressConflict? {
        let restored = Set(settings.map(\.key))
        var owners: [AddressRange: Key] = [:]
        for peer in present where !restored.contains(peer.key) {
            for address in peer.addresses { owners[address.masked] = peer.key }
        }
        for peer in settings {
            for address in peer.addresses {
                let owner = owners.updateValue(peer.key, forKey: address.masked)
                if let owner, owner != peer.key {
                    return AddressConflict(address: address, owner: owner)
                }
            }
        }
        return nil
    }

    /// The refusal, with the way out.
    func error(doing: String) -> MeterError {
        MeterError(
            .addressTaken, doing: doing,
            reason: "\(address) belongs to the peer \(owner) now; "
                + "give that peer another address, or restore with a new one")
    }
}

extension AddressRange {
    /// The range with the bits behind its prefix cleared, as WireGuard keeps it.
    var masked: AddressRange {
        var bytes = bytes
        for index in bytes.indices {
            let bits = min(max(Int(prefixLength) - index * 8, 0), 8)
            bytes[index] &= UInt8(truncatingIfNeeded: 0xff00 >> bits)
        }
        return AddressRange(bytes: bytes, prefixLength: prefixLength) ?? self
    }
}

extension PeerSettings {
    /// Whether a peer set up like this behaves as `other` says: the order of addresses and where
    /// the client was last seen do not matter.
    func isEquivalent(to other: PeerSettings) -> Bool {
        presharedKey == other.presharedKey && keepalive == other.keepalive
            && longestKeepalive == other.longestKeepalive
            && Set(addresses.map(\.masked)) == Set(other.addresses.map(\.masked))
    }
}

extension Key {
    /// The WireGuard key; nil for a key of another kind.
    var publicKey: PublicKey? {
        guard case .publicKey(let key) = self else { return nil }
        return key
    }
}
