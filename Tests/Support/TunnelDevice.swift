import Foundation

/// What a tunnel's interfaces run on.
package enum TunnelKind: Sendable {
    /// wireguard-go, a process for each interface.
    case userspace
    /// The kernel's own WireGuard.
    case kernel

    /// The kernel's in the guest, whose kernel has it; else wireguard-go.
    package static var usual: TunnelKind { Guest.isHere ? .kernel : .userspace }
}

/// A WireGuard interface in a namespace, without keys and peers.
final class TunnelDevice {
    /// Its name, unique on this host.
    let name = Unique.interface()
    /// The process that it runs in; nil for the kernel's.
    private(set) var daemon: Job?

    private let kind: TunnelKind
    private let namespace: Namespace

    init(_ kind: TunnelKind, in namespace: Namespace) throws {
        self.kind = kind
        self.namespace = namespace
        try start()
    }

    /// Where a daemon is asked.
    var socketPath: String { "/var/run/wireguard/\(name).sock" }

    /// Takes the interface away and makes it anew.
    func restart() throws {
        if kind == .kernel { try namespace.run("ip", "link", "delete", name) }
        daemon?.stop()
        try start()
    }

    /// Ends the daemon; a kernel's interface goes with its namespace.
    func close() {
        daemon?.stop()
        unlink(socketPath)
    }

    private func start() throws {
        switch kind {
        case .kernel: try namespace.run("ip", "link", "add", name, "type", "wireguard")
        case .userspace: daemon = try startDaemon()
        }
    }

    private func startDaemon() throws -> Job {
        unlink(socketPath)
        let daemon = try namespace.start("wireguard-go", "-f", name)
        let isUp = try eventually {
            guard daemon.isRunning else { return true }
            return try Command.run("wg", "show", "interfaces").contains(name)
        }
        guard isUp, daemon.isRunning else {
            throw CommandFailure(
                words: ["wireguard-go", "-f", name], status: 1, output: daemon.output,
                errors: daemon.errors)
        }
        return daemon
    }
}
