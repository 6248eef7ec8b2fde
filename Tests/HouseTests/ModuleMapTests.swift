import Foundation
import Testing

/// Who may import what. SwiftPM does not stop a stray import of a dependency's dependency, so the
/// sources themselves are read.
@Suite struct ModuleMapTests {
    /// Each of our modules, and those of ours that it may import.
    static let allowed: [String: Set<String>] = [
        "Accounting": [],
        "AgentProtocol": ["Accounting"],
        "HTTPClient": ["CCurl", "CZlib"],
        "Settings": [],
        "Systemd": [],
        "API": [],
        "HostFiles": ["CFiles"],
        "Netlink": ["CMnl"],
        "Meters": ["Accounting", "HostFiles", "Netlink", "HTTPClient"],
        "Ledger": ["Accounting", "AgentProtocol", "CSQLite"],
        "Agent": [
            "Accounting", "AgentProtocol", "CMemory", "HostFiles", "HTTPClient", "Ledger", "Meters",
            "Netlink", "Settings", "Systemd",
        ],
        "Store": ["Accounting", "AgentProtocol"],
        "Server": ["API", "Accounting", "AgentProtocol", "HTTPClient", "Store", "Systemd"],
        "Controller": ["API", "HTTPClient", "Server", "Settings", "Store"],
    ]

    /// Libraries that one module alone may import.
    static let walled: [String: String] = [
        "CCurl": "HTTPClient", "CFiles": "HostFiles", "CZlib": "HTTPClient", "CMnl": "Netlink",
        "CMemory": "Agent", "CSQLite": "Ledger",
        "GRDB": "Store", "GRDBSQLite": "Store", "Hummingbird": "Server",
        "HummingbirdCore": "Server",
        "HummingbirdTLS": "Server", "NIOSSL": "Server", "X509": "Server", "SwiftASN1": "Server",
    ]

    /// Modules that must do without full Foundation, which would triple the agent's size.
    static let small: Set<String> = [
        "Accounting", "AgentProtocol", "HTTPClient", "Settings", "Systemd", "HostFiles", "Netlink",
        "Meters", "Ledger", "Agent",
    ]

    @Test func everyModuleImportsOnlyWhatTheMapAllows() throws {
        for source in try Source.all() {
            let allowed = try #require(Self.allowed[source.module], "\(source.module) is no module")
            for name in source.imports where Self.allowed[name] != nil || name.hasPrefix("C") {
                let isOurs = Self.allowed[name] != nil || Self.walled[name] != nil
                #expect(
                    !isOurs || allowed.contains(name),
                    "\(source.path) imports \(name), which \(source.module) may not")
            }
        }
    }

    @Test func eachWalledLibraryHasOneImporter() throws {
        for source in try Source.all() {
            for name in source.imports {
                guard let owner = Self.walled[name] else { continue }
                let isGenerated = source.path.hasSuffix(".pb.swift")
                #expect(
                    owner == source.module || isGenerated,
                    "\(source.path) imports \(name), which belongs to \(owner) alone")
            }
        }
    }

    @Test func theAgentDoesWithoutFullFoundation() throws {
        for source in try Source.all() where Self.small.contains(source.module) {
            let isGenerated = source.path.hasSuffix(".pb.swift")
            #expect(
                isGenerated || !source.imports.contains("Foundation"),
                "\(source.path) imports Foundation; FoundationEssentials is what the agent may use")
        }
    }

    @Test func noSourceStartsAProcess() throws {
        let starters = ["Process()", "posix_spawn", "popen(", "fork(", "execve(", "Subprocess"]
        for source in try Source.all() {
            for starter in starters {
                #expect(!source.text.contains(starter), "\(source.path) has \(starter)")
            }
        }
    }

    @Test func noTestStartsAProcessByFoundation() throws {
        let pattern = /(?:^|[^"\w])Process\(/
        for source in try Source.all(below: "Tests") {
            #expect(
                !source.text.contains(pattern),
                """
                \(source.path) starts a process by Foundation's Process, which reads over the end \
                of an entry of /proc/self/fd, and ends the test process with signal 11 where many \
                files are open; TestSupport's Job and Command do not
                """)
        }
    }

    @Test func theMapNamesEveryModule() throws {
        let found = Set(try Source.all().map(\.module))
        #expect(found == Set(Self.allowed.keys))
    }
}

/// A Swift file under Sources, or under another folder of the clone.
struct Source {
    let path: String
    let module: String
    let text: String

    /// The module names that the file imports, whatever access level or attribute stands before.
    var imports: Set<String> {
        let pattern = /^\s*(?:@[\w()]+\s+)*(?:\w+\s+)?import\s+(?:struct\s+|class\s+|enum\s+)?(\w+)/
            .anchorsMatchLineEndings()
        return Set(text.matches(of: pattern).map { String($0.1) })
    }

    static var root: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    }

    static func all(below folder: String = "Sources") throws -> [Source] {
        let sources = root.appending(path: folder).path
        let paths = FileManager.default.enumerator(atPath: sources)?.allObjects as? [String] ?? []
        return try paths.filter { $0.hasSuffix(".swift") }.map { path in
            let text = try String(contentsOfFile: "\(sources)/\(path)", encoding: .utf8)
            return Source(
                path: path, module: String(path.split(separator: "/")[1]), text: text)
        }
    }
}
