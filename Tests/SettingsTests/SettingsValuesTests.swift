import Settings
import Testing

enum Mode: String, CaseIterable {
    case enforce, observe
}

@Suite struct SettingsValuesTests {
    static let mode = SettingKey<Mode>.choice("MODE", default: .enforce, about: "What it may do.")
    static let interval = SettingKey<Duration>.duration(
        "READ_INTERVAL", default: "10s", in: .seconds(1) ... .seconds(3600))
    static let limit = SettingKey<UInt64>.size(
        "SPOOL_LIMIT", default: "64MB", in: 1 << 20...1 << 40)
    static let retries = SettingKey<Int>.int("RETRIES", default: "3", in: 0...9)
    static let urls = SettingKey<[String]>.list(
        "CONTROLLER", expected: "URLs that begin with http", isRight: { $0.hasPrefix("http") })
    static let persist = SettingKey<Bool>.bool("PERSIST", default: "yes")
    static let proxy = SettingKey<String>.string("PROXY", expected: "a URL")
    static let secret = SettingKey<String>.init(
        "SECRET", default: nil, expected: "32 letters", isSecret: true,
        parse: { $0.count == 32 ? $0 : nil })
    static let table = SettingsTable(
        prefix: "TK_", keys: [mode, interval, limit, retries, urls, persist, proxy, secret],
        otherVariables: ["TK_TOKEN", "TK_AGENT_*"])

    static func failure(
        flags: [String: String] = [:], environment: [String: String] = [:], file: String = ""
    ) -> String? {
        do throws(SettingsError) {
            let file = try SettingsFile(text: file, name: "t.conf")
            _ = try SettingsValues(table, flags: flags, environment: environment, file: file)
            return nil
        } catch {
            return error.description
        }
    }

    @Test(arguments: [
        (
            "READ_INTERVL=1s",
            "t.conf:1: \"READ_INTERVL\" is no known key; the nearest is READ_INTERVAL"
        ),
        ("\nmode=observe", "t.conf:2: \"mode\" is no known key; the nearest is MODE"),
        ("TK_PROXY=x", "t.conf:1: \"TK_PROXY\" is no known key; the nearest is PROXY"),
        ("MODE=strict", "t.conf:1: MODE cannot be \"strict\"; it should be enforce or observe"),
        ("MODE=", "t.conf:1: MODE cannot be \"\"; it should be enforce or observe"),
        ("PROXY=", "t.conf:1: PROXY cannot be \"\"; it should be a URL"),
        (
            "RETRIES=10",
            "t.conf:1: RETRIES cannot be \"10\"; it should be a whole number from 0 to 9"
        ),
        ("PERSIST=maybe", "t.conf:1: PERSIST cannot be \"maybe\"; it should be yes or no"),
        (
            "CONTROLLER=http://a, b",
            "t.conf:1: CONTROLLER cannot be \"http://a, b\"; it should be URLs that begin with http"
        ),
        ("SECRET=hunter2", "t.conf:1: SECRET cannot be its value; it should be 32 letters"),
    ])
    func aWrongLineIsNamedWithWhatWouldBeRight(_ file: String, _ message: String) {
        #expect(Self.failure(file: file) == message)
    }

    @Test(arguments: ["", "10", "s", "0s", "-1s", "1.5s", "10 sec", "2h", "500ms", "1s1s", "１s"])
    func aWrongTimeIsRefused(_ text: String) {
        let message =
            "t.conf:1: READ_INTERVAL cannot be \"\(text)\"; it should be a time such as 10s, "
            + "500ms or 2m, from 1s to 1h"
        #expect(Self.failure(file: "READ_INTERVAL=\(text)") == message)
    }

    @Test(arguments: [
        "", "GB", "-1", "1.5GB", "10XB", "1GBB", "99999999999999999999", "20000000TB", "1KB",
    ])
    func aWrongSizeIsRefused(_ text: String) {
        let message =
            "t.conf:1: SPOOL_LIMIT cannot be \"\(text)\"; it should be a size such as 512MB or "
            + "2GB, from 1MB to 1TB"
        #expect(Self.failure(file: "SPOOL_LIMIT=\(text)") == message)
    }

    @Test func unknownVariablesWithThePrefixAreRefusedUnlessNamed() {
        #expect(
            Self.failure(environment: ["TK_MOD": "observe"])
                == "environment variable TK_MOD: \"MOD\" is no known key; the nearest is MODE")
        let others = ["TK_TOKEN": "x", "TK_AGENT_MODE": "x", "PATH": "/bin", "tk_mode": "x"]
        #expect(Self.failure(environment: others) == nil)
        #expect(Self.failure(environment: ["TK_TOKEN2": "x"]) != nil)
    }

    @Test func wrongFlagsAndVariablesAreNamed() {
        #expect(
            Self.failure(flags: ["READ_INTERVAL": "fast"])?
                .hasPrefix("--read-interval: READ_INTERVAL cannot be \"fast\"") == true)
        #expect(
            Self.failure(environment: ["TK_RETRIES": "many"])?
                .hasPrefix("environment variable TK_RETRIES: RETRIES cannot be \"many\"") == true)
    }

    @Test func flagsGoBeforeTheEnvironmentBeforeTheFileBeforeDefaults() throws {
        let file = try SettingsFile(text: "RETRIES=1\nPERSIST=off\nMODE=observe", name: "t.conf")
        let values = try SettingsValues(
            Self.table, flags: ["RETRIES": "3"],
            environment: ["TK_RETRIES": "2", "TK_PERSIST": "on"], file: file)
        #expect(try values.required(Self.retries) == 3)
        #expect(try values.required(Self.persist))
        #expect(try values.required(Self.mode) == .observe)
        #expect(try values.required(Self.interval) == .seconds(10))
        #expect(try values.required(Self.urls) == [])
        #expect(try values.optional(Self.proxy) == nil)
        #expect(values.place(of: Self.mode) == "t.conf:3")
        #expect(values.place(of: Self.interval) == nil)
    }

    @Test func aKeyThatMustBeSetSaysHow() throws {
        let values = try SettingsValues(Self.table)
        let error = #expect(throws: SettingsError.self) { try values.required(Self.proxy) }
        let message =
            "PROXY: must be set to a URL: in the file, as TK_PROXY in the environment, or by --proxy"
        #expect(error?.description == message)
    }

    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("10s", .seconds(10)), ("2m", .seconds(120)),
        ("24h", .seconds(86400)), ("7d", .seconds(604_800)), ("10 s", .seconds(10)),
    ])
    func timesAreReadAndWritten(_ text: String, _ duration: Duration) {
        #expect(Quantity.duration(text) == duration)
        #expect(Quantity.duration(Quantity.text(of: duration)) == duration)
    }

    @Test(arguments: [
        ("0", UInt64(0)), ("2048", 2048), ("1B", 1), ("1k", 1024), ("1KiB", 1024),
        ("512MB", 512 << 20), ("100 gb", 100 << 30), ("8T", 8 << 40), ("3PB", 3 << 50),
    ])
    func sizesAreReadAndWritten(_ text: String, _ size: UInt64) {
        #expect(Quantity.size(text) == size)
        #expect(Quantity.size(Quantity.text(of: size)) == size)
    }

    @Test func theReferenceNamesEveryKeyAndItsDefaultsAreRight() throws {
        let lines = Self.table.reference.split(separator: "\n")
        let settings = lines.filter { $0.hasPrefix("#") && !$0.hasPrefix("# ") }
        #expect(settings.count == Self.table.keys.count)
        for (line, key) in zip(settings, Self.table.keys) {
            #expect(line == "#\(key.name)=\(key.fallback ?? "")")
            #expect(key.fallback.map(key.accepts) ?? true, "\(key.name)'s default is wrong")
        }
        let withDefaults = settings.filter { !$0.hasSuffix("=") }.map { String($0.dropFirst()) }
        let file = try SettingsFile(text: withDefaults.joined(separator: "\n"), name: "reference")
        _ = try SettingsValues(Self.table, file: file)
        #expect(Self.table.reference.contains("# What it may do.\n# Right is enforce or observe."))
    }
}
