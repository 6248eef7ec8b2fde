import Accounting
import Meters

/// What the interfaces' configuration files say of their peers.
///
/// The files are read again when they change. One that cannot be read says nothing: names are a
/// convenience, and counting goes on without them.
struct InterfaceNames {
    private var files: [String: ConfigurationFile] = [:]

    /// The names of a meter's keys; keys without a name are left out.
    mutating func names(of meter: MeterName, in folder: String) -> [Key: String] {
        guard let configuration = configuration(of: meter, in: folder) else { return [:] }
        var names: [Key: String] = [:]
        for (key, peer) in configuration.peers { names[.publicKey(key)] = peer.name }
        return names
    }

    /// How a meter's configuration file sets a key up; nil where it does not.
    mutating func settings(of key: Key, at meter: MeterName, in folder: String) -> PeerSettings? {
        guard case .publicKey(let publicKey) = key else { return nil }
        return configuration(of: meter, in: folder)?.peers[publicKey]?.settings
    }

    private mutating func configuration(
        of meter: MeterName, in folder: String
    ) -> InterfaceConfiguration? {
        let path = "\(folder)/\(meter.device)"
        let file = files[path] ?? ConfigurationFile(device: meter.device, directory: folder)
        files[path] = file
        return (try? file.current()) ?? nil
    }
}
