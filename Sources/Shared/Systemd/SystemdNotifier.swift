import Glibc
public import Logging
public import ServiceLifecycle

/// Tells systemd that the service is ready, alive, and stopping (sd_notify(3)).
///
/// Does nothing where `NOTIFY_SOCKET` is not set.
public struct SystemdNotifier: Service {
    private let socketPath: String?
    private let interval: Duration?
    private let ready: @Sendable () async throws -> Void
    private let check: @Sendable () async throws -> Void
    private let logger: Logger

    /// Makes a notifier that waits for `ready` and asks `check` before each sign of life.
    ///
    /// A check that throws gets no sign of life, and its error is logged.
    public init(
        environment: [String: String], logger: Logger,
        ready: @escaping @Sendable () async throws -> Void,
        check: @escaping @Sendable () async throws -> Void
    ) {
        socketPath = environment["NOTIFY_SOCKET"]
        interval = environment["WATCHDOG_USEC"].flatMap { Int64($0) }.flatMap {
            $0 > 0 ? .microseconds($0 / 2) : nil
        }
        self.logger = logger
        self.ready = ready
        self.check = check
    }

    /// Runs until the process is told to stop.
    public func run() async throws {
        guard let socketPath else {
            try? await gracefulShutdown()
            return
        }
        try? await cancelWhenGracefulShutdown {
            try await ready()
            send("READY=1", to: socketPath)
            try await signLife(to: socketPath)
        }
        send("STOPPING=1", to: socketPath)
    }

    private func signLife(to path: String) async throws {
        guard let interval else { return try await gracefulShutdown() }
        while true {
            try await Task.sleep(for: interval)
            do {
                try await check()
                send("WATCHDOG=1", to: path)
            } catch {
                logger.error("no sign of life to systemd: \(error)")
            }
        }
    }

    private func send(_ state: String, to path: String) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        // A leading @ stands for the abstract namespace.
        if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
        let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard !bytes.isEmpty, bytes.count < room else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let length = socklen_t(offset + bytes.count)
        let text = Array(state.utf8)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, text, text.count, Int32(MSG_NOSIGNAL), $0, length)
            }
        }
    }
}
