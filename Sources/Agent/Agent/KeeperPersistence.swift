import Accounting
import HostFiles
import Ledger
import Logging
import Meters

extension Keeper {
    /// Brings a meter's configuration file to what is wanted of its keys, once the interface itself
    /// has been: so a restart of the interface or of the host lets nobody in who is shut.
    ///
    /// Nothing here stops enforcement. What cannot be done is a fault of the file.
    func persist(_ meter: MeterName, isMissing: Bool, unmet: [UnmetWish] = []) {
        guard !persistence.putsOff else {
            persistence.putOff[meter] = unmet
            return
        }
        persistence.putOff[meter] = nil
        guard options.writesConfigurations else {
            persistence.files[meter] = nil
            return
        }
        // A container that is away has its files with it.
        guard !isAway(meter, isMissing: isMissing) else { return rest(meter) }
        guard let place = place(of: meter) else {
            persistence.files[meter] = nil
            return
        }
        var file = persistence.files[meter] ?? Persistence.File()
        file.move(to: place)
        let wanted = Persistence.wanted(
            wishes[meter] ?? [], unmet: isMissing ? [] : unmet)
        guard !wanted.isEmpty || !file.edits.isEmpty else { return }
        var faults: [String] = []
        rescue(&file, wanted, place, &faults)
        let stamps = stamps(of: place)
        let isSettled = stamps == file.stamps && wanted == file.wanted
        if !isSettled || !file.faults.isEmpty || !faults.isEmpty {
            if isMissing { saveSettings(of: meter, wanted, place) }
            rewrite(&file, meter, wanted, place, &faults)
            dropClients(&file, wanted, place, &faults)
            faults += saved(beside: place)
            // As they were before: what was written since is looked at again.
            (file.wanted, file.stamps) = (wanted, stamps)
            for fault in faults where !file.faults.contains(fault) { logger.error("\(fault)") }
            file.faults = faults
        }
        persistence.files[meter] = file
    }

    /// Does what was put off so that outcomes could be told first: baselines of what was removed,
    /// the inventory, and files. What cannot be written is tried again at the next reading.
    func catchUp() {
        for meter in ended.keys { try? forgetEnded(meter) }
        for (name, reading) in persistence.unnoted {
            if let meter = meters[name] { note(reading, of: meter) }
        }
        persistence.unnoted = [:]
        for (meter, unmet) in persistence.putOff where meters[meter] != nil {
            persist(meter, isMissing: false, unmet: unmet)
        }
    }

    /// Whether a meter's file cannot be reached now: it is a container's that does not run, as far
    /// as can be told of a place that is not there.
    private func isAway(_ meter: MeterName, isMissing: Bool) -> Bool {
        isMissing && meter.place.map { configurations.containers[$0] == nil } ?? false
    }

    /// Keeps what somebody may still write into a file that was replaced; the rest is looked at
    /// anew when the container is back.
    private func rest(_ meter: MeterName) {
        guard let edits = persistence.files[meter]?.edits, !edits.isEmpty else {
            persistence.files[meter] = nil
            return
        }
        persistence.files[meter] = Persistence.File(
            place: persistence.files[meter]?.place, edits: edits)
    }

    /// Where a meter's file is; nil where it has none.
    private func place(of meter: MeterName) -> ConfigurationPlace? {
        if let container = meter.place.flatMap({ configurations.containers[$0] }) {
            guard let root = persistence.roots.root(of: container) else { return nil }
            let last = persistence.files[meter]?.place?.file.path
            return ConfigurationPlace(of: meter, in: root)
                ?? last.map { ConfigurationPlace(path: $0, root: root) }
        }
        let known = Set(meters.keys).union(wishes.keys).filter { other in
            other.place.map { !containersSeen.contains($0) } ?? true
        }
        guard Persistence.owns(meter, among: known) else { return nil }
        return ConfigurationPlace(of: meter, options)
    }

    private func stamps(of place: ConfigurationPlace) -> [FileStamp?] {
        [place.file, place.clientsTable].map { try? FileEditor.stamp(of: $0) }
    }

    private func rewrite(
        _ file: inout Persistence.File, _ meter: MeterName, _ wanted: [PublicKey: Access],
        _ place: ConfigurationPlace, _ faults: inout [String]
    ) {
        do {
            guard let before = try FileEditor.read(place.file) else { return }
            let change = change(for: place)
            let plan = change.apply(to: before) { $0.flatMap { wanted[$0] } }
            note(plan.shut, of: meter, place, &faults)
            var result = plan
            let outcome = try FileEditor.edit(place.file) { bytes in
                result = change.apply(to: bytes) { $0.flatMap { wanted[$0] } }
                return result.bytes
            }
            if case .changed(let edit) = outcome {
                file.edits.append((edit, clock.now().boottime))
                logger.notice("\(place.file) has \(result.shut.count) clients commented out now")
            }
            faults += result.problems.map { "\(place.file): \($0)" }
            review(&file, result, meter, wanted, place, &faults)
        } catch {
            faults.append("\(error)")
        }
    }

    private func change(for place: ConfigurationPlace) -> ConfigurationRewrite {
        let hasTable = (try? FileEditor.stamp(of: place.clientsTable)) ?? nil
        return ConfigurationRewrite(isSharedWithAmnezia: hasTable != nil)
    }

    private func saved(beside place: ConfigurationPlace) -> [String] {
        [place.file, place.clientsTable].flatMap { location in
            ((try? FileEditor.saved(beside: location)) ?? []).map {
                "\($0) beside \(location) holds somebody's edit that came at the same instant as "
                    + "another: bring in what is missing, and delete it"
            }
        }
    }

    /// Notes down, before it is done, what will be commented out.
    private func note(
        _ keys: [PublicKey], of meter: MeterName, _ place: ConfigurationPlace,
        _ faults: inout [String]
    ) {
        let blocks = keys.map {
            CommentedBlock(
                meter: meter, container: place.file.root?.owner, path: place.file.path,
                key: .publicKey($0))
        }
        let fresh = Set(blocks).subtracting(persistence.noted)
        do {
            try ledger.noteCommentedOut(fresh, forgetting: [])
            persistence.noted.formUnion(fresh)
        } catch {
            faults.append("\(error)")
        }
    }

    /// Forgets what is commented out no more, and tells whose block went meanwhile.
    private func review(
        _ file: inout Persistence.File, _ result: ConfigurationRewrite.Result, _ meter: MeterName,
        _ wanted: [PublicKey: Access], _ place: ConfigurationPlace, _ faults: inout [String]
    ) {
        let shut = Set(result.shut)
        let past = persistence.noted.filter { block in
            guard block.meter == meter, block.path == place.file.path,
                block.container == place.file.root?.owner,
                case .publicKey(let key) = block.key
            else { return false }
            return !shut.contains(key) && wanted[key] != .shut
        }
        let configuration = InterfaceConfiguration(result.bytes)
        file.note =
            configuration.isSavedAtDown && !shut.isEmpty
            ? "\(place.file) has SaveConfig = true: wg-quick writes it anew when the interface goes "
                + "down, without comments and without who is shut; their settings stay in the ledger"
            : nil
        var done: [CommentedBlock] = []
        for block in past {
            guard case .publicKey(let key) = block.key else { continue }
            let isThere = configuration.peers[key] != nil || configuration.isSavedAtDown
            if wanted[key] == .open, !isThere {
                faults.append(
                    "\(place.file) has the block of \(key.base64) no more, which is open: add it, "
                        + "or the client is out when the interface starts anew")
            } else if wanted[key] != nil {
                done.append(block)
            }
        }
        do {
            try ledger.noteCommentedOut([], forgetting: done)
            persistence.noted.subtract(done)
        } catch {
            faults.append("\(error)")
        }
    }

    /// Takes deleted clients out of Amnezia's table, where there is one.
    private func dropClients(
        _ file: inout Persistence.File, _ wanted: [PublicKey: Access], _ place: ConfigurationPlace,
        _ faults: inout [String]
    ) {
        let gone = Set(wanted.filter { $0.value == .deleted }.map(\.key.base64))
        guard !gone.isEmpty else { return }
        var malformed: ClientsTableRewrite.Malformed?
        do {
            let outcome = try FileEditor.edit(place.clientsTable) { bytes in
                do throws(ClientsTableRewrite.Malformed) {
                    malformed = nil
                    return try ClientsTableRewrite.removing(gone, from: bytes)
                } catch {
                    malformed = error
                    return nil
                }
            }
            if case .changed(let edit) = outcome {
                file.edits.append((edit, clock.now().boottime))
            }
            if let malformed {
                faults.append("could not change \(place.clientsTable): \(malformed)")
            }
        } catch {
            faults.append("\(error)")
        }
    }

    /// Brings in what somebody wrote into a file that had just been replaced.
    private func rescue(
        _ file: inout Persistence.File, _ wanted: [PublicKey: Access],
        _ place: ConfigurationPlace, _ faults: inout [String]
    ) {
        let now = clock.now().boottime
        var fresh: [(edit: FileEdit, at: UInt64)] = []
        for (edit, time) in file.edits {
            do {
                let outcome = try edit.rescue { bytes in
                    guard edit.location != place.clientsTable else { return nil }
                    return change(for: place).apply(to: bytes) { $0.flatMap { wanted[$0] } }.bytes
                }
                if case .changed(let edit) = outcome { fresh.append((edit, now)) }
            } catch {
                faults.append("\(error)")
            }
            if now < time + Persistence.watch { fresh.append((edit, time)) }
        }
        file.edits = fresh
    }

    /// Notes down what lets the keys in again that are about to be commented out while their
    /// interface is down: it will come up without them, and nobody will have seen them there.
    private func saveSettings(
        of meter: MeterName, _ wanted: [PublicKey: Access], _ place: ConfigurationPlace
    ) {
        guard wanted.values.contains(where: \.isShut),
            let bytes = try? FileEditor.read(place.file)
        else { return }
        let settings = InterfaceConfiguration(bytes).peers.compactMap { key, peer in
            wanted[key]?.isShut == true && kept[meter]?[.publicKey(key)] == nil
                ? peer.settings : nil
        }
        do {
            try save(settings, meter, isRemoved: true)
        } catch {
            tell("\(error)")
        }
    }
}
