import Accounting

/// What an operator may set for a host's ports.
struct PortOptions: Hashable, Sendable {
    /// The ports and addresses that are counted and charged.
    var named: [PortKey] = []
    /// Whether those are counted, too, that services on this host listen on.
    var listening = false
    /// Whether the counters of the host's own rules are read.
    var readsHostRules = true
    /// Whose ports they are, by the clients' names; they are named by that.
    var clients: [PortKey: String] = [:]

    /// The clients' names by their ports, as a meter calls these.
    var names: [Key: String] {
        let pairs = clients.compactMap { port, client in port.key.map { ($0, client) } }
        return Dictionary(pairs) { first, _ in first }
    }

    /// Everything that is to be counted by these settings alone.
    var all: Set<PortKey> { Set(named).union(clients.keys) }
}

extension PortOptions {
    static let expectedPorts =
        "ports such as tcp/8443, 51820 (TCP and UDP), tcp/1000-1999 or ip/10.8.1.2 between commas, "
        + "listening, or none"
    static let expectedClients = "PORT=CLIENT pairs between commas, such as tcp/8443=alice"

    /// Reads `PORTS`; nil for what it cannot mean.
    init?(ports text: String) {
        let items = Self.items(text)
        if items == ["none"] {
            readsHostRules = false
            return
        }
        var seen = Set<PortKey>()
        for item in items {
            if item == "listening" {
                listening = true
            } else {
                guard let keys = PortKey.wanted(item) else { return nil }
                named += keys.filter { seen.insert($0).inserted }
            }
        }
    }

    /// Reads `PORT_CLIENTS`; nil for what it cannot mean, and where a port has two clients.
    static func clients(_ text: String) -> [PortKey: String]? {
        var clients: [PortKey: String] = [:]
        for item in items(text) {
            let halves = item.split(separator: "=", maxSplits: 1)
            guard halves.count == 2, let keys = PortKey.wanted(trimmed(halves[0])) else {
                return nil
            }
            let name = trimmed(halves[1])
            guard !name.isEmpty, name.utf8.count <= 255 else { return nil }
            for key in keys {
                guard clients.updateValue(name, forKey: key) == nil else { return nil }
            }
        }
        return clients
    }

    private static func items(_ text: String) -> [String] {
        text.split(separator: ",").map(trimmed).filter { !$0.isEmpty }
    }

    private static func trimmed(_ text: Substring) -> String {
        let isSpace = { (character: Character) in character.isWhitespace }
        var rest = text.drop(while: isSpace)
        while rest.last.map(isSpace) == true { rest.removeLast() }
        return String(rest)
    }
}

extension PortKey {
    /// What an operator may write for something to be counted: a key, or a port alone, which means
    /// TCP and UDP. Nil for what own counting cannot take.
    static func wanted(_ text: String) -> [PortKey]? {
        let keys: [PortKey]
        if let ports = PortList(text) {
            keys = [.ports(.tcp, ports), .ports(.udp, ports)]
        } else if let range = AddressRange(text) {
            keys = [.address(range)]
        } else if let key = PortKey(text) {
            keys = [key]
        } else {
            return nil
        }
        return keys.allSatisfy { $0.refusal == nil } ? keys : nil
    }
}
