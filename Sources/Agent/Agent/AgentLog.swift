import Glibc
import Logging

/// Logs to standard error, which systemd's journal takes over.
enum AgentLog {
    /// A logger that says nothing, for libraries that would tell of their own workings.
    static let quiet = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }

    /// Makes the agent's logger; `level` is one of swift-log's names.
    static func start(level: String) -> Logger {
        var logger = Logger(label: "tollkeeper-agent") { _ in StandardErrorLog() }
        logger.logLevel = Logger.Level(rawValue: level) ?? .info
        return logger
    }
}

/// One line an event; under systemd with the priority that its journal understands.
private struct StandardErrorLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let isJournal = getenv("JOURNAL_STREAM") != nil
        let start = isJournal ? "<\(priority(event.level))>" : "\(event.level): "
        let text = event.message.description.replacing("\n", with: " ")
        let line = Array("\(start)\(text)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }

    private func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .critical: 2
        case .error: 3
        case .warning: 4
        case .notice: 5
        case .info: 6
        default: 7
        }
    }
}
