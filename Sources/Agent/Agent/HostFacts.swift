import AgentProtocol
import Glibc

/// What the controller shows of this host.
enum HostFacts {
    static func message(_ options: AgentOptions) -> WireHost {
        var host = WireHost()
        host.agentVersion = version
        host.mode = options.mode.rawValue
        var names = utsname()
        guard uname(&names) == 0 else { return host }
        host.name = text(of: names.nodename)
        host.kernel = text(of: names.release)
        host.system = systemName() ?? text(of: names.sysname)
        return host
    }

    /// The operating system's own name for itself (`PRETTY_NAME` of os-release(5)).
    private static func systemName() -> String? {
        guard let bytes = try? Files.read("/etc/os-release") else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix("PRETTY_NAME=") }) else { return nil }
        return String(line.dropFirst(12).filter { $0 != "\"" })
    }

    private static func text<Characters>(of characters: Characters) -> String {
        withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

/// The version that both programs show.
let version = "0.1.0"
