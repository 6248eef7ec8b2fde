import Accounting
import Meters

/// Which files give a meter's keys their names, and how often they were read.
struct NamesVersion: Hashable {
    /// nil where there is no file.
    var folder: String?
    var file: Int?
    var table: Int?
}

/// What the interfaces' configuration files, and Amnezia's tables of clients, say of their peers.
///
/// The files are read again when they change. One that cannot be read says nothing: names are a
/// convenience, and counting goes on without them.
struct InterfaceNames {
    /// The containers that were found, by their names.
    var containers: [String: Container] {
        didSet { if containers != oldValue { forgetOthers() } }
    }

    private var files: [FilePlace: ConfigurationFile] = [:]
    private var tables: [FilePlace: WatchedFile<ClientsTable>] = [:]

    init(containers: [String: Container] = [:]) {
        self.containers = containers
    }

    /// What a meter's names depend on: while it is the same, so are they.
    mutating func version(of meter: MeterName, _ options: AgentOptions) -> NamesVersion {
        guard let (_, folder) = configuration(of: meter, options) else { return NamesVersion() }
        let container = container(of: meter)
        let place = FilePlace("\(folder)/\(meter.device)", in: container)
        var version = NamesVersion(folder: folder, file: files[place]?.version)
        if container != nil {
            let table = clientsTable(of: container, in: folder)
            _ = try? table.current()
            version.table = table.version
        }
        return version
    }

    private mutating func clientsTable(
        of container: Container?, in folder: String
    ) -> WatchedFile<ClientsTable> {
        let place = FilePlace("\(folder)/\(ClientsTable.fileName)", in: container)
        let table = tables[place] ?? ClientsTable.file(in: folder, of: container)
        tables[place] = table
        return table
    }

    /// The names of a meter's keys; keys without a name are left out.
    mutating func names(of meter: MeterName, _ options: AgentOptions) -> [Key: String] {
        guard let (configuration, folder) = configuration(of: meter, options) else { return [:] }
        var names: [Key: String] = [:]
        for (key, peer) in configuration.peers { names[.publicKey(key)] = peer.name }
        guard let container = container(of: meter) else { return names }
        let table = clientsTable(of: container, in: folder)
        let given = ((try? table.current()) ?? nil)?.names ?? [:]
        for (key, name) in given { names[.publicKey(key)] = name }
        return names
    }

    /// How a meter's configuration file sets a key up, be it commented out or not; nil where it
    /// does not.
    mutating func settings(
        of key: Key, at meter: MeterName, _ options: AgentOptions
    ) -> PeerSettings? {
        guard case .publicKey(let publicKey) = key,
            let file = configuration(of: meter, options)?.file
        else { return nil }
        return file.peers[publicKey]?.settings ?? file.shut[publicKey]?.settings
    }

    /// The tunnel addresses of the peers that a meter's configuration file lets in, but for those
    /// of `keys`.
    mutating func addresses(
        without keys: Set<Key>, at meter: MeterName, _ options: AgentOptions
    ) -> [AddressRange] {
        let peers = configuration(of: meter, options)?.file.peers ?? [:]
        return peers.filter { !keys.contains(.publicKey($0.key)) }
            .flatMap { $0.value.settings?.addresses ?? [] }
    }

    /// What the first of the folders that has the interface's file says, and which folder that is.
    private mutating func configuration(
        of meter: MeterName, _ options: AgentOptions
    ) -> (file: InterfaceConfiguration, folder: String)? {
        let container = container(of: meter)
        let usual =
            meter.kind == .amneziawg ? options.amneziaFolder : options.configurationFolder
        for folder in container == nil ? [usual] : ConfigurationPlace.foldersInContainers {
            let place = FilePlace("\(folder)/\(meter.device)", in: container)
            let file =
                files[place]
                ?? ConfigurationFile(device: meter.device, directory: folder, in: container)
            files[place] = file
            if let current = (try? file.current()) ?? nil { return (current, folder) }
        }
        return nil
    }

    private func container(of meter: MeterName) -> Container? {
        meter.place.flatMap { containers[$0] }
    }

    /// Lets go of the files of containers that are gone.
    private mutating func forgetOthers() {
        let isThere = { [containers] (place: FilePlace) in
            place.container.map { containers[$0.name] == $0 } ?? true
        }
        files = files.filter { isThere($0.key) }
        tables = tables.filter { isThere($0.key) }
    }
}
