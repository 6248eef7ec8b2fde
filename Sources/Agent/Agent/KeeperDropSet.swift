import Accounting
import Glibc
import Ledger
import Logging
import Meters

/// The dropped addresses of one meter, and what they were made from.
struct KeptDrops {
    /// nil where the meter could not be read, or its reading has none.
    var fingerprint: UInt64?
    var isMissing: Bool
    var revision: UInt64
    var kept: [Key: KeptOut]
    var set: DropSet
}

extension Keeper {
    /// Drops what shut peers of a meter send and get, before they are blocked or removed, and lets
    /// through whoever is open.
    func drop(_ wishes: [DesiredAccess], at meter: MeterName, _ reading: MeterReading) {
        note(wishes, at: meter, reading)
        applyTable()
    }

    private func note(
        _ wishes: [DesiredAccess], at meter: MeterName, _ reading: MeterReading?
    ) {
        guard table != nil, options.mode == .enforce, meter.place == nil,
            meter.kind == .wireguard || meter.kind == .amneziawg
        else { return }
        let shut = Set(wishes.filter(\.access.isShut).map(\.key))
        if shut.isEmpty || isElsewhere(meter) {
            drops[meter] = nil
        } else if !isUpToDate(drops[meter], meter, reading) {
            drops[meter] = KeptDrops(
                fingerprint: reading?.fingerprint, isMissing: reading == nil, revision: revision,
                kept: kept[meter] ?? [:], set: dropSet(of: shut, at: meter, reading))
        }
    }

    /// Whether a daemon's interface is in another network namespace than its control socket would
    /// have it: this one's packet filter sees nothing of it. One that is gone is where it was last.
    private func isElsewhere(_ meter: MeterName) -> Bool {
        guard meters[meter] != nil else { return elsewhere.contains(meter) }
        let isHere = if_nametoindex(meter.device) != 0
        if isHere { elsewhere.remove(meter) } else { elsewhere.insert(meter) }
        return !isHere
    }

    private func isUpToDate(
        _ drops: KeptDrops?, _ meter: MeterName, _ reading: MeterReading?
    ) -> Bool {
        guard let drops, drops.isMissing == (reading == nil), drops.revision == revision,
            reading == nil || drops.fingerprint != nil
        else { return false }
        return drops.fingerprint == reading?.fingerprint && drops.kept == kept[meter] ?? [:]
    }

    /// Addresses come from what restores the peers, and from what they have now; those of open peers
    /// from the interface, or from its file while it is down.
    private func dropSet(
        of shut: Set<Key>, at meter: MeterName, _ reading: MeterReading?
    ) -> DropSet {
        var ranges: [AddressRange] = []
        var open: [AddressRange] = []
        var known: Set<Key> = []
        for peer in reading?.peers ?? [] {
            if shut.contains(peer.key) {
                ranges += peer.addresses
                if !peer.addresses.isEmpty { known.insert(peer.key) }
            } else {
                open += peer.addresses
            }
        }
        for key in shut {
            if let settings = kept[meter]?[key]?.settings, !settings.addresses.isEmpty {
                ranges += settings.addresses
            } else if !known.contains(key) {
                ranges += configurations.settings(of: key, at: meter, options)?.addresses ?? []
            }
        }
        if reading == nil {
            open = configurations.addresses(without: shut, at: meter, options)
        }
        return DropSet(at: meter.device, shut: ranges, open: open)
    }

    /// Drops what shut peers would send of meters that are not there: an interface may come up at
    /// any moment, with all of its peers. At the first look that is done for every meter. The table is
    /// brought to it by the next `applyTable`, or with the ports.
    func dropMissing() {
        for meter in drops.keys where wishes[meter] == nil { drops[meter] = nil }
        for (meter, wishes) in wishes where drops[meter] == nil || meters[meter] == nil {
            note(wishes, at: meter, nil)
        }
        setDrops()
    }

    private func setDrops() {
        var whole = DropSet()
        for drops in drops.values { whole.add(drops.set) }
        table?.setDrops(whole)
    }

    /// Brings the agent's own table to what is wanted. What stands in the way is told once, and
    /// stops nothing else.
    func applyTable() {
        guard let table, options.mode == .enforce else { return }
        setDrops()
        do throws(MeterError) {
            try table.apply()
            if tableFault != nil { logger.notice("the table inet \(OwnTable.name) is right again") }
            tableFault = nil
        } catch {
            if tableFault != "\(error)" { logger.error("\(error)") }
            tableFault = "\(error)"
        }
    }
}
