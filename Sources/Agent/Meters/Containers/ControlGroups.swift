internal import Glibc
internal import HostFiles

/// Containers as their control groups tell of them, whatever engine made them: what remains where
/// no engine answers.
enum ControlGroups {
    /// A container.
    struct Entry: Hashable, Sendable {
        /// Who made it.
        var engine: Engine
        /// 64 hexadecimal digits, or the name that LXC and systemd give.
        var id: String
        /// Its oldest process.
        var process: Int32
        /// When that began, in clock ticks since boot.
        var startTicks: UInt64

        /// What it is called where no engine tells.
        var name: String { ContainerName.isID(id) ? ContainerName.short(id) : id }
    }

    /// What makes containers.
    enum Engine: String, Hashable, Sendable {
        case docker, podman, kubernetes, lxc, systemd
    }

    /// Every container of this host that has a process, by its id.
    static func containers(in processes: String = "/proc") -> [String: Entry] {
        var found: [String: Entry] = [:]
        for process in numbers(in: processes) {
            guard let text = text(of: "\(processes)/\(process)/cgroup"),
                let (engine, id) = container(in: text),
                let ticks = try? UserspaceProcess.startTicks(
                    of: process, in: processes, doing: "scan")
            else { continue }
            let older = found[id].map { ($0.startTicks, $0.process) < (ticks, process) } ?? false
            guard !older else { continue }
            found[id] = Entry(engine: engine, id: id, process: process, startTicks: ticks)
        }
        return found
    }

    /// The container that a process is in, from its `/proc/PID/cgroup`; nil for none. Of nested
    /// ones it is the innermost.
    static func container(in text: String) -> (engine: Engine, id: String)? {
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let parts = fields[2].split(separator: "/")
            // systemd-nspawn itself, which is outside.
            let isOutside =
                parts.last == "supervisor" && parts.dropLast().last?.hasPrefix("machine-") == true
            guard !isOutside else { continue }
            for (index, part) in parts.enumerated().reversed() {
                let above = index > 0 ? parts[index - 1] : ""
                if let found = container(part, below: above) { return found }
            }
        }
        return nil
    }

    private static let prefixes: [(String, Engine)] = [
        ("docker-", .docker), ("libpod-", .podman), ("cri-containerd-", .kubernetes),
        ("crio-", .kubernetes),
    ]

    private static func container(
        _ part: Substring, below above: Substring
    ) -> (engine: Engine, id: String)? {
        let stem = part.hasSuffix(".scope") ? part.dropLast(6) : part
        for (prefix, engine) in prefixes where stem.hasPrefix(prefix) {
            let id = stem.dropFirst(prefix.count)
            return ContainerName.isID(id) ? (engine, String(id)) : nil
        }
        if ContainerName.isID(stem) {
            if above == "docker" { return (.docker, String(stem)) }
            return above.hasPrefix("libpod") ? (.podman, String(stem)) : (.kubernetes, String(stem))
        }
        if stem.hasPrefix("lxc.payload.") { return named(stem.dropFirst(12), .lxc) }
        if above == "lxc" { return named(stem, .lxc) }
        if stem.hasPrefix("machine-"), part != stem, !stem.hasPrefix("machine-qemu") {
            return named(stem.dropFirst(8).replacing("\\x2d", with: "-"), .systemd)
        }
        return nil
    }

    private static func named(
        _ text: Substring, _ engine: Engine
    ) -> (engine: Engine, id: String)? {
        ContainerName.clean(text).map { (engine, $0) }
    }

    private static func numbers(in processes: String) -> [Int32] {
        let names = (try? FolderNames.list(processes)) ?? []
        return names.compactMap { Int32($0) }.filter { $0 > 0 }
    }

    /// The start of a small file of `/proc`; nil where it cannot be read.
    static func text(of path: String, most: Int = 1 << 16) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4_096)
        while bytes.count < most {
            let count = read(file, &part, part.count)
            guard count > 0 else { break }
            bytes += part[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Container {
    /// Names of what looks like a tunnel in it: interfaces and control sockets. Needs no rights;
    /// for a container that cannot be looked into.
    package var tunnelHints: [String] {
        let folder = "/proc/\(process)/net"
        let interfaces = ControlGroups.text(of: "\(folder)/dev") ?? ""
        let sockets = ControlGroups.text(of: "\(folder)/unix", most: 1 << 20) ?? ""
        let names = Set(Self.interfaces(in: interfaces) + Self.controlSockets(in: sockets))
        // They are the container's own, and are shown.
        return Array(names.filter { ContainerName.clean($0) == $0 }.sorted().prefix(8))
    }

    /// The interfaces of a `/proc/PID/net/dev` beside those that every container has.
    static func interfaces(in text: String) -> [String] {
        let usual = [
            "lo", "tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "sit0", "ip6tnl0",
            "ip6gre0",
        ]
        return text.split(separator: "\n").compactMap { line in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let name = String(line[..<colon]).trimmed()
            return usual.contains(name) || name.hasPrefix("eth") ? nil : name
        }
    }

    /// The interfaces that have a control socket in a `/proc/PID/net/unix`.
    static func controlSockets(in text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            guard line.hasSuffix(".sock"), let slash = line.lastIndex(of: "/"),
                line[..<slash].hasSuffix("/wireguard") || line[..<slash].hasSuffix("/amneziawg")
            else { return nil }
            return String(line[line.index(after: slash)...].dropLast(5))
        }
    }
}
