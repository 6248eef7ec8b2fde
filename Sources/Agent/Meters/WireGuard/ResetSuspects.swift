internal import Glibc
internal import HostFiles

/// Programs that may reset the counters of WireGuard peers by making them anew.
public enum ResetSuspects {
    /// Programs that set up interfaces and peers by themselves, by the names of their processes.
    static let known: Set<String> = [
        "systemd-network", "NetworkManager", "netifd", "connmand", "wg-quick", "wg-portal",
        "wg-access-serve", "wireguard-ui", "wg-gen-web", "wgrest", "wgdashboard", "firezone",
        "netmaker", "netclient", "netbird", "innernet-server", "subspace", "pritunl", "kilo",
        "amneziawg-quick", "awg-quick", "wg", "awg",
    ]

    /// Which of them run now, by name, each once. `processes` is where the kernel tells of
    /// processes; a program that ran and ended is not seen.
    public static func running(in processes: String = "/proc") -> [String] {
        let numbers = (try? FolderNames.list(processes) { Int32($0) != nil }) ?? []
        let names = numbers.compactMap { name(of: $0, in: processes) }
        return known.intersection(names).sorted()
    }

    /// A process's name, which the kernel cuts to 15 bytes; nil where it is gone.
    private static func name(of process: String, in processes: String) -> String? {
        let descriptor = open("\(processes)/\(process)/comm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
