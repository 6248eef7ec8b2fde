import Glibc
import ServiceLifecycle

/// Tells systemd how the agent is (sd_notify(3)), where systemd started it.
struct Notifier: Service {
    /// Whether the agent works; the watchdog is fed only while it does.
    let isAlive: @Sendable () async -> Bool

    func run() async throws {
        Self.send("READY=1")
        let period = Self.watchdog ?? .seconds(3_600)
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                if Self.watchdog != nil, await isAlive() { Self.send("WATCHDOG=1") }
                try? await Task.sleep(for: period / 3)
            }
        }
        Self.send("STOPPING=1")
    }

    /// How long systemd waits for a sign of life; nil where it does not.
    static var watchdog: Duration? {
        guard let text = getenv("WATCHDOG_USEC"), let microseconds = Int(String(cString: text))
        else { return nil }
        return .microseconds(microseconds)
    }

    static func send(_ message: String) {
        guard let path = getenv("NOTIFY_SOCKET").map({ String(cString: $0) }) else { return }
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes = Array(message.utf8)
        _ = try? UnixSocket.withAddress(path, doing: "notify systemd") { address, length in
            sendto(
                descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), address, length)
        }
    }
}
