import Foundation
import Server
import Settings
import Testing

@testable import Controller

@Suite struct ServeConfigurationTests {
    static func configuration(
        _ flags: [String: String] = [:], environment: [String: String] = [:],
        stateDirectory: String? = nil, file: String? = nil
    ) throws(SettingsError) -> ServeConfiguration {
        try ServeConfiguration(
            flags: flags, stateDirectory: stateDirectory, file: file,
            in: Script(environment: environment).world)
    }

    @Test(arguments: [
        "", ":", "8440", ":8440", "localhost", "localhost:", "localhost:x", "localhost:65536",
        "localhost:-1", "::1:8440", "[::1]", "[]:1", "[a]:1", "a b:1", "http://a:1", "a@b:1",
        "[::1:1", "::1]:1",
    ])
    func aWrongAddressIsRefused(_ text: String) {
        #expect(ListenAddress(text) == nil)
        #expect(throws: SettingsError.self) { try Self.configuration(["LISTEN": text]) }
    }

    @Test(arguments: [
        ("127.0.0.1:8440", "127.0.0.1", 8440), ("[::]:0", "::", 0), ("a.example:1", "a.example", 1),
    ])
    func addressesAreRead(_ text: String, _ host: String, _ port: Int) {
        let address = ListenAddress(text)
        #expect(address?.host == host && address?.port == port)
    }

    @Test(arguments: [
        (["STORE": "/srv/store.sqlite"], "--store: STORE cannot be \"/srv/store.sqlite\""),
        (["STORE": "postgres://db"], "--store: STORE cannot be \"postgres://db\""),
        (["STORE": "sqlite:"], "--store: STORE cannot be \"sqlite:\""),
        (["TLS": "on"], "--tls: TLS cannot be \"on\"; it should be off or auto or files"),
        (["TLS": "files"], "TLS_CERT: must be set to the path of a PEM file"),
        (["TLS": "files", "TLS_CERT": "c"], "TLS_KEY: must be set to the path of a PEM file"),
        (["TLS_KEY": "k"], "--tls-key: TLS_KEY needs TLS=files (--tls files) too"),
        (["PUBLIC_URL": "vpn.example"], "--public-url: PUBLIC_URL cannot be \"vpn.example\""),
    ])
    func aWrongFlagIsNamed(_ flags: [String: String], _ message: String) {
        let error = #expect(throws: SettingsError.self) { try Self.configuration(flags) }
        #expect(error?.description.hasPrefix(message) == true)
    }

    @Test func variablesOfOurScriptsAndOfTheAgentAreNoSettings() throws {
        let others = [
            "TOLLKEEPER_BIN": "x", "TOLLKEEPER_CACHE": "x", "TOLLKEEPER_PART": "x",
            "TOLLKEEPER_TOKEN": "x", "TOLLKEEPER_AGENT_MODE": "x",
        ]
        _ = try Self.configuration(environment: others)
        let error = #expect(throws: SettingsError.self) {
            try Self.configuration(environment: ["TOLLKEEPER_LISTN": "x"])
        }
        #expect(error?.description.hasSuffix("no known key; the nearest is LISTEN") == true)
    }

    @Test func optionsComeFromFlagsEnvironmentAndDefaults() throws {
        let plain = try Self.configuration().options
        #expect(plain.listenHost == "127.0.0.1" && plain.listenPort == 8440)
        #expect(plain.tls == nil && plain.storePath == nil)
        #expect(plain.stateDirectory == "/var/lib/tollkeeper")
        let full = try Self.configuration(
            ["LISTEN": "[::]:1", "TLS": "files", "TLS_CERT": "c", "STORE": "sqlite:/s"],
            environment: [
                "TOLLKEEPER_LISTEN": "a:2", "TOLLKEEPER_TLS_KEY": "k",
                "TOLLKEEPER_TRUSTED_PROXIES": "127.0.0.1, ::1", "STATE_DIRECTORY": "/a:/b",
            ]
        ).options
        #expect(full.listenHost == "::" && full.listenPort == 1)
        #expect(full.tls == .files(certificate: "c", key: "k"))
        #expect(full.storePath == "/s" && full.stateDirectory == "/a")
        #expect(full.trustedProxies == ["127.0.0.1", "::1"])
        #expect(try Self.configuration(stateDirectory: "/c:d").options.stateDirectory == "/c:d")
    }

    @Test func aFileThatIsNamedMustBeThere() {
        #expect(throws: SettingsError(.unreadable, at: "/nowhere", "there is no such file")) {
            try Self.configuration(file: "/nowhere")
        }
    }

    /// The file that is installed names every key with its default, and no other.
    @Test func theReferenceFileIsRight() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "systemd/controller.conf").path
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let lines = text.split(separator: "\n").compactMap { line in
            line.hasPrefix("#") && !line.hasPrefix("# ") ? String(line.dropFirst()) : nil
        }
        let named = try SettingsFile(text: lines.joined(separator: "\n"), name: path).entries
        let keys = ControllerSettings.table.keys
        #expect(Set(named.map(\.key)) == Set(keys.map(\.name)))
        for entry in named {
            let key = try #require(keys.first { $0.name == entry.key })
            #expect(entry.value == key.fallback ?? "", "\(entry.key)")
        }
        _ = try Self.configuration(file: path)
    }
}
