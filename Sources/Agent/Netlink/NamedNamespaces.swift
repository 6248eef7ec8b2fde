internal import FoundationEssentials

extension NetworkNamespace {
    /// Where `ip netns` keeps names.
    package static let usualFolders = ["/run/netns", "/var/run/netns"]

    /// The namespaces that have names, each name once, in the order of their names.
    ///
    /// A folder that is not there holds none.
    package static func named(
        in folders: [String] = usualFolders
    ) -> [(name: String, namespace: NetworkNamespace)] {
        var found: [String: NetworkNamespace] = [:]
        for folder in folders {
            let names = try? FileManager.default.contentsOfDirectory(atPath: folder)
            for name in names ?? [] where found[name] == nil {
                found[name] = .path("\(folder)/\(name)")
            }
        }
        return found.sorted { $0.key < $1.key }.map { (name: $0.key, namespace: $0.value) }
    }
}
