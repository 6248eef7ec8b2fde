import Accounting
import FoundationEssentials
import Glibc

/// Ports that nobody shuts by mistake: those over which this host is administered, and those that
/// clients of another meter share.
struct ProtectedPorts {
    /// TCP ports of the ssh server, as its configuration has them; 22 always.
    private let ssh: Set<UInt16>
    /// The controller's own ports, where it runs on this host.
    private let controller: Set<UInt16>
    /// The ports that metered interfaces listen on.
    private let meters: [PortKey: MeterName]

    /// Reads what the ssh server's configuration says; `controllers` are base URLs.
    init(
        controllers: [String], meters: [PortKey: MeterName],
        sshFolder: String = "/etc/ssh", isLocal: (String) -> Bool = LocalAddresses.contain
    ) {
        ssh = Self.sshPorts(in: sshFolder)
        controller = Set(controllers.compactMap { Self.port(of: $0, isLocal: isLocal) })
        self.meters = meters
    }

    /// Why `key` must not be shut unless that is forced; nil where it may.
    func reason(_ key: PortKey) -> String? {
        guard case .ports(let transport, let ports) = key else { return nil }
        if transport == .tcp, let port = ssh.sorted().first(where: ports.contains) {
            return "port \(port) is this host's ssh; shut it with --force if you mean it"
        }
        if transport == .tcp, let port = controller.sorted().first(where: ports.contains) {
            return "port \(port) is the controller's own; shut it with --force if you mean it"
        }
        for (listened, meter) in meters {
            guard case .ports(transport, let others) = listened, let port = others.single,
                ports.contains(port)
            else { continue }
            return "all clients of \(meter) come through port \(port); shut them one by one, or "
                + "the port with --force"
        }
        return nil
    }

    private static func sshPorts(in folder: String) -> Set<UInt16> {
        let parts = "sshd_config.d"
        let names = try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(parts)")
        let files = ["sshd_config"] + (names ?? []).map { "\(parts)/\($0)" }
        var ports: Set<UInt16> = [22]
        for file in files {
            guard let text = try? String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
            else { continue }
            ports.formUnion(text.split(whereSeparator: \.isNewline).compactMap(sshPort))
        }
        return ports
    }

    /// The port of a line `Port 2222` or `ListenAddress HOST:2222`; nil for any other.
    private static func sshPort(_ line: Substring) -> UInt16? {
        let words = line.split { $0.isWhitespace || $0 == "=" }
        guard words.count >= 2 else { return nil }
        switch words[0].lowercased() {
        case "port": return UInt16(words[1])
        case "listenaddress":
            let address = words[1]
            let isBare = !address.hasPrefix("[") && address.filter { $0 == ":" }.count > 1
            guard !isBare, let colon = address.lastIndex(of: ":") else { return nil }
            return UInt16(address[address.index(after: colon)...])
        default: return nil
        }
    }

    private static func port(of text: String, isLocal: (String) -> Bool) -> UInt16? {
        guard let url = URL(string: text), let host = url.host, isLocal(host) else { return nil }
        let port = url.port ?? (url.scheme == "http" ? 80 : 443)
        return UInt16(exactly: port)
    }
}

/// The addresses of this host.
enum LocalAddresses {
    /// Whether `host`, as a URL has it, is this host: by an address of its own, or by its name.
    static func contain(_ host: String) -> Bool {
        let bare = host.trimmingCharacters(["[", "]"]).lowercased()
        if bare == "localhost" || bare == ownName().lowercased() { return true }
        guard let range = AddressRange(bare) else { return false }
        if AddressRange("127.0.0.0/8")?.overlaps(range) == true { return true }
        return all().contains { $0 == range }
    }

    private static func ownName() -> String {
        var name = utsname()
        guard uname(&name) == 0 else { return "" }
        return withUnsafeBytes(of: name.nodename) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    private static func all() -> [AddressRange] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var found: [AddressRange] = []
        var next = first
        while let one = next {
            defer { next = one.pointee.ifa_next }
            guard let address = one.pointee.ifa_addr else { continue }
            if let range = range(of: address) { found.append(range) }
        }
        return found
    }

    private static func range(of address: UnsafeMutablePointer<sockaddr>) -> AddressRange? {
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                AddressRange(ipv4: $0.pointee.sin_addr.s_addr.bigEndian, prefixLength: 32)
            }
        case AF_INET6:
            return address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                withUnsafeBytes(of: $0.pointee.sin6_addr) {
                    AddressRange(bytes: Array($0), prefixLength: 128)
                }
            }
        default: return nil
        }
    }
}

extension String {
    fileprivate func trimmingCharacters(_ characters: Set<Character>) -> String {
        var rest = self[...]
        while let first = rest.first, characters.contains(first) { rest.removeFirst() }
        while let last = rest.last, characters.contains(last) { rest.removeLast() }
        return String(rest)
    }
}
