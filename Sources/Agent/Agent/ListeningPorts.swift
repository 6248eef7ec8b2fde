import Accounting
import FoundationEssentials

/// The ports that services of this host listen on, for `PORTS=listening`.
///
/// One that was seen stays counted for as long as the agent runs: a service that restarts would
/// otherwise lose what passes before the next look. UDP ports of the range that the kernel hands
/// out to clients are left out: a socket there is mostly no service.
struct ListeningPorts {
    /// Most ports that are counted that way.
    static let most = 1_024

    private(set) var ports: Set<PortKey> = []

    /// Looks at the kernel's tables of sockets; `taken` are counted by other meters.
    mutating func look(without taken: Set<PortKey>, in folder: String = "/proc/net") {
        let clients = Self.clientPorts()
        for (file, transport) in [
            ("tcp", PortKey.Transport.tcp), ("tcp6", .tcp), ("udp", .udp), ("udp6", .udp),
        ] {
            guard let text = try? String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
            else { continue }
            for port in Self.listening(text, transport) {
                let isClient = transport == .udp && clients.contains(port)
                guard !isClient, let list = PortList(port), ports.count < Self.most else {
                    continue
                }
                let key = PortKey.ports(transport, list)
                if !taken.contains(key) { ports.insert(key) }
            }
        }
        ports.subtract(taken)
    }

    /// The local ports of a table's lines that wait for anybody: not those bound to the loopback.
    static func listening(_ table: String, _ transport: PortKey.Transport) -> [UInt16] {
        // TCP_LISTEN; for UDP TCP_CLOSE: bound, and connected to nobody.
        let state = transport == .tcp ? "0A" : "07"
        return table.split(separator: "\n").dropFirst().compactMap { line in
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            guard words.count > 3, words[3] == state, words[2].hasSuffix(":0000") else {
                return nil
            }
            let parts = words[1].split(separator: ":")
            guard parts.count == 2, !isLoopback(parts[0]) else { return nil }
            return UInt16(parts[1], radix: 16)
        }
    }

    /// Addresses stand there as 32-bit words in the host's byte order.
    private static func isLoopback(_ address: Substring) -> Bool {
        address.count == 8
            ? address.hasSuffix("7F")
            : address == "00000000000000000000000001000000"
                || address.hasPrefix("0000000000000000FFFF0000") && address.hasSuffix("7F")
    }

    private static func clientPorts() -> ClosedRange<UInt16> {
        let path = "/proc/sys/net/ipv4/ip_local_port_range"
        let words = ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "")
            .split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let low = UInt16(words[0]), let high = UInt16(words[1]), low <= high
        else { return 32_768...60_999 }
        return low...high
    }
}
