// swift-tools-version: 6.2
import PackageDescription

// TOLLKEEPER_PART=agent leaves the controller out: a small host or a quick test of the agent
// then builds neither the HTTP server nor the database driver.
let agentOnly = Context.environment["TOLLKEEPER_PART"] == "agent"
// TOLLKEEPER_PART=simulation leaves out what the simulation does without: the HTTP server and the
// other tests.
let simulationOnly = Context.environment["TOLLKEEPER_PART"] == "simulation"

// TOLLKEEPER_FUZZ=1 adds the driver of `make fuzz`, which only links with -sanitize=fuzzer.
let fuzzes = Context.environment["TOLLKEEPER_FUZZ"] == "1"

// TOLLKEEPER_BENCH=1 adds what only `make bench` runs, such as its swarm of simulated agents.
let benches = Context.environment["TOLLKEEPER_BENCH"] == "1"

let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let argumentParser = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let lifecycle = Target.Dependency.product(
    name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(
    name: "UnixSignals", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")

func systemLibrary(_ name: String, in part: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(
        name: name, path: "Sources/\(part)/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

func module(
    _ name: String, in part: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Sources/\(part)/\(name)",
        exclude: exclude, swiftSettings: house)
}

func program(_ name: String, in part: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, path: "Sources/\(part)/\(name)",
        swiftSettings: house)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, path: "Tests/\(name)", swiftSettings: house)
}

var dependencies: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
]

var products: [Product] = [.executable(name: "tollkeeper-agent", targets: ["Agent"])]

var targets: [Target] = [
    systemLibrary("CCurl", in: "Shared", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
    systemLibrary("CZlib", in: "Shared", pkgConfig: "zlib", apt: "zlib1g-dev"),
    module("Accounting", in: "Shared", []),
    module(
        "AgentProtocol", in: "Shared", ["Accounting", crypto, protobuf], exclude: ["agent.proto"]),
    module("HTTPClient", in: "Shared", ["CCurl", "CZlib"]),
    module("Settings", in: "Shared", []),
    module("Systemd", in: "Shared", [lifecycle, logging]),

    systemLibrary("CMnl", in: "Agent", pkgConfig: "libmnl", apt: "libmnl-dev"),
    systemLibrary("CSQLite", in: "Agent", pkgConfig: "sqlite3", apt: "libsqlite3-dev"),
    .systemLibrary(name: "CFiles", path: "Sources/Agent/CFiles"),
    module("HostFiles", in: "Agent", ["CFiles"]),
    .systemLibrary(name: "CMemory", path: "Sources/Agent/CMemory"),
    module("Netlink", in: "Agent", ["CMnl"]),
    module("Meters", in: "Agent", ["Accounting", "HostFiles", "Netlink", "HTTPClient"]),
    module("Ledger", in: "Agent", ["Accounting", "AgentProtocol", "CSQLite"]),
    program(
        "Agent", in: "Agent",
        [
            "Accounting", "AgentProtocol", "CMemory", "HostFiles", "HTTPClient", "Ledger", "Meters",
            "Netlink", "Settings", "Systemd", argumentParser, crypto, lifecycle, logging,
            unixSignals,
        ]),

    .systemLibrary(name: "CSpawn", path: "Tests/CSpawn"),
    .target(
        name: "TestSupport", dependencies: ["CSpawn"], path: "Tests/Support", swiftSettings: house),
    .target(
        name: "FuzzTargets",
        dependencies: [
            "Accounting", "AgentProtocol", "HTTPClient", "Ledger", "Meters", "Netlink", "Settings",
            protobuf,
        ], path: "Tests/Fuzz/Targets", swiftSettings: house),
    tests("HouseTests", ["TestSupport"]),
    tests("AccountingTests", ["Accounting"]),
    tests("AgentProtocolTests", ["Accounting", "AgentProtocol", crypto, protobuf]),
    tests("HTTPClientTests", ["HTTPClient", "TestSupport"]),
    tests("SettingsTests", ["Settings"]),
    tests("NetlinkTests", ["Netlink", "TestSupport"]),
    tests("MetersTests", ["Accounting", "FuzzTargets", "Meters", "Netlink", "TestSupport"]),
    tests("HostFilesTests", ["HostFiles", "TestSupport"]),
    tests("LedgerTests", ["Accounting", "AgentProtocol", "Ledger", protobuf]),
    tests(
        "AgentTests",
        [
            "Accounting", "AgentProtocol", "Agent", "HTTPClient", "HostFiles", "Ledger", "Meters",
            "Netlink", "Settings", "TestSupport", logging, protobuf,
        ]),
]

if !agentOnly {
    dependencies += [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    ]
    let nio = ["NIOCore", "NIOPosix"].map {
        Target.Dependency.product(name: $0, package: "swift-nio")
    }
    products += [.executable(name: "tollkeeper", targets: ["Controller"])]
    targets += [
        module("API", in: "Shared", []),
        module(
            "Store", in: "Controller",
            [
                "Accounting", "AgentProtocol", crypto, logging,
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ]),
        module(
            "Server", in: "Controller",
            [
                "API", "Accounting", "AgentProtocol", "HTTPClient", "Store", "Systemd", crypto,
                lifecycle, logging, protobuf,
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
            ] + nio),
        program(
            "Controller", in: "Controller",
            [
                "API", "HTTPClient", "Server", "Settings", "Store", argumentParser, lifecycle,
                logging, unixSignals,
            ]),
        .target(
            name: "ControllerFuzzTargets",
            dependencies: [
                "Accounting", "AgentProtocol", "FuzzTargets", "Server", "Store", protobuf,
            ], path: "Tests/Fuzz/ControllerTargets", swiftSettings: house),
        tests("APITests", ["API"]),
        tests("StoreTests", ["Accounting", "AgentProtocol", "Store", crypto, protobuf]),
        tests(
            "ServerTests",
            [
                "API", "Accounting", "AgentProtocol", "HTTPClient", "Server", "Store",
                "TestSupport", crypto, lifecycle, logging, protobuf,
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        tests(
            "ControllerTests",
            ["API", "Controller", "Server", "TestSupport", argumentParser, lifecycle, logging]),
        tests(
            "Simulation",
            [
                "Accounting", "AgentProtocol", "Agent", "CSQLite", "HTTPClient", "Ledger", "Meters",
                "Store", logging, protobuf,
            ]),
        tests(
            "EndToEnd",
            [
                "API", "Accounting", "AgentProtocol", "Agent", "Controller", "HTTPClient", "Ledger",
                "TestSupport",
            ]),
    ]
}

let fuzzTargets: [Target.Dependency] =
    ["FuzzTargets"] + (agentOnly ? [] : ["ControllerFuzzTargets"])
targets.append(
    tests("FuzzTests", fuzzTargets + ["Accounting", "Agent", "Meters", "Settings", "TestSupport"]))
if fuzzes {
    targets.append(
        .executableTarget(
            name: "tollkeeper-fuzz", dependencies: fuzzTargets, path: "Tests/Fuzz/Runner",
            swiftSettings: house))
}

if benches && !agentOnly {
    products.append(.executable(name: "tollkeeper-swarm", targets: ["tollkeeper-swarm"]))
    targets.append(
        .executableTarget(
            name: "tollkeeper-swarm",
            dependencies: [
                "Accounting", "AgentProtocol", "HTTPClient", "Store", argumentParser, protobuf,
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ], path: "Benchmarks/controller/Swarm", swiftSettings: house))
}

// It also adds the readings of packet filters, to be measured alone.
if benches {
    products.append(.executable(name: "tollkeeper-filters", targets: ["tollkeeper-filters"]))
    targets.append(
        .executableTarget(
            name: "tollkeeper-filters", dependencies: ["Accounting", "Meters", "Netlink"],
            path: "Benchmarks/ports/Reader", swiftSettings: house))
}

if simulationOnly {
    products.removeAll { $0.name == "tollkeeper" }
    targets.removeAll { target in
        ["Server", "Controller", "ControllerFuzzTargets"].contains(target.name)
            || target.type == .test && target.name != "Simulation"
    }
}

let package = Package(
    name: "tollkeeper",
    products: products,
    dependencies: dependencies,
    targets: targets,
    swiftLanguageModes: [.v6]
)
