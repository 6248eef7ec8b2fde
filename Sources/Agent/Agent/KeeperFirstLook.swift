import Accounting
import AgentProtocol
import Ledger
import Meters

/// What was seen of meters before the wishes for their keys are written down: so that a wish, and
/// what it takes to let its key in again, become durable together.
struct FirstLook {
    /// Each meter's reading, and what is new in it.
    var readings: [MeterName: (MeterReading, Difference)] = [:]
    /// What the ledger is to keep for each credential that is to be shut.
    var kept: [UInt64: KeptOutKey] = [:]
    /// The same as settings.
    var settings: [UInt64: PeerSettings] = [:]
}

extension Keeper {
    /// Reads the meters on which something is to be shut. What cannot be read now, or is nothing
    /// new, is left out: it is saved when its turn comes.
    func look(for desired: WireDesired) -> FirstLook {
        var look = FirstLook()
        guard options.mode != .observe, desired.ticket <= ticketAsked,
            desired.revision >= revision, let new = try? Ledger.wishes(in: desired)
        else { return look }
        let shuts = new.filter { $0.access.isShut && $0.revision > revision }
        for (name, wishes) in Dictionary(grouping: shuts, by: \.meter) {
            guard let meter = meters[name], !(meter is any PortTable),
                let taken = try? takeReading(of: meter)
            else { continue }
            look.readings[name] = taken
            let present = taken.0.peers(of: Set(wishes.map(\.key)))
            for wish in wishes {
                guard let peer = present.first(where: { $0.key == wish.key }),
                    !peer.addresses.isEmpty, let bytes = try? SettingsCodec.encode(peer)
                else { continue }
                look.settings[wish.credential] = peer
                look.kept[wish.credential] = KeptOutKey(
                    meter: name, key: wish.key, isRemoved: !meter.traits.blocksInPlace,
                    settings: bytes)
            }
        }
        return look
    }
}
