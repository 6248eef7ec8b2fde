import Accounting
import ArgumentParser
import FoundationEssentials
import Meters

struct MetersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meters",
        abstract: "Read every meter of this host once, without controller or ledger.")

    @Flag(help: "Print JSON.") var json = false
    @Flag(help: "Read again every two seconds, until interrupted.") var watch = false
    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let options = try place.load()
        var names = InterfaceNames()
        let clock = try HostClock.open()
        var discovery = MeterDiscovery(clock: clock, options: options)
        let ports = NamedPorts(clock: clock, table: HostTable())
        let finder = ContainerFinder(socket: options.dockerSocket)
        repeat {
            if options.containers != [] { discovery.note(await finder.look()) }
            var found = discovery.look()
            if (try? ports.read())?.reading.counters.isEmpty == false {
                found.meters[ports.name] = ports
            }
            let report = MetersReport(found, names: &names, options: options)
            print(json ? try report.json() : report.text())
            if watch { try await Task.sleep(for: .seconds(2)) }
        } while watch
    }
}

/// What `meters` shows.
struct MetersReport: Codable {
    struct Meter: Codable {
        var meter: String
        var source: String
        var listen_port: UInt16?
        var fault: String?
        var keys: [Entry]
    }

    struct Entry: Codable {
        var key: String
        var name: String?
        var addresses: [String]
        /// Bytes that the client sent.
        var bytes_sent: UInt64
        /// Bytes that the client received.
        var bytes_received: UInt64
        /// Seconds since 1970; 0 for never.
        var last_handshake: Int64?
    }

    /// All counters of a key.
    fileprivate struct Sum {
        var uplink: UInt64 = 0
        var downlink: UInt64 = 0
        var lastHandshake: Int64?

        static func += (sum: inout Sum, counter: Counter) {
            sum.uplink &+= counter.value.uplink
            sum.downlink &+= counter.value.downlink
            sum.lastHandshake = [sum.lastHandshake, counter.lastHandshake].compactMap { $0 }.max()
        }
    }

    var meters: [Meter]
    var faults: [String]

    init(_ found: MeterDiscovery.Found, names: inout InterfaceNames, options: AgentOptions) {
        faults = found.faults.map(\.text)
        meters = []
        names.containers = found.containers
        let sorted = found.meters.values.sorted { $0.name.description < $1.name.description }
        for meter in sorted {
            let known =
                meter.name.kind == .ports
                ? options.ports.names : names.names(of: meter.name, options)
            meters.append(Meter(meter, names: known))
        }
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    func text() -> String {
        var lines: [String] = []
        if meters.isEmpty {
            lines.append(
                "No WireGuard or AmneziaWG interface is on this host, in its named namespaces or "
                    + "in a container that could be looked into.")
        }
        for meter in meters {
            let port = meter.listen_port.map { ", port \($0)" } ?? ""
            lines.append("\(meter.meter) (\(meter.source)\(port)), \(meter.keys.count) keys")
            if let fault = meter.fault { lines.append("  \(fault)") }
            for entry in meter.keys {
                let name = entry.name.map { Terminal.plain($0) } ?? "-"
                let handshake =
                    meter.meter.hasPrefix("ports/")
                    ? "" : "  handshake \(Terminal.handshake(entry.last_handshake))"
                lines.append(
                    "  \(Terminal.plain(entry.key))  \(name)  sent \(entry.bytes_sent)  "
                        + "received \(entry.bytes_received)\(handshake)")
            }
        }
        lines += faults.map { "not seen: \($0)" }
        return lines.joined(separator: "\n")
    }
}

extension MetersReport.Meter {
    fileprivate init(_ meter: any Meter, names: [Key: String]) {
        self.init(
            meter: meter.name.description, source: meter.traits.source, listen_port: nil,
            fault: nil, keys: [])
        do {
            let reading = try meter.read()
            listen_port = reading.listenPort
            // A port has a counter for each way and family.
            var sums: [Key: MetersReport.Sum] = [:]
            for counter in reading.reading.counters {
                sums[counter.key, default: .init()] += counter
            }
            keys = reading.peers.map { peer in
                let sum = sums[peer.key] ?? .init()
                return MetersReport.Entry(
                    key: peer.key.description, name: names[peer.key],
                    addresses: peer.addresses.map(\.description),
                    bytes_sent: sum.uplink, bytes_received: sum.downlink,
                    last_handshake: sum.lastHandshake)
            }
        } catch {
            fault = "\(error)"
        }
    }
}

/// How things are written for a terminal.
enum Terminal {
    /// Text from outside with its control characters shown, not obeyed.
    static func plain(_ text: String) -> String {
        text.unicodeScalars.map { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                "\\u{\(String(scalar.value, radix: 16))}"
            default: String(scalar)
            }
        }
        .joined()
    }

    /// A handshake's time, RFC 3339 in UTC.
    static func handshake(_ seconds: Int64?) -> String {
        guard let seconds, seconds > 0 else { return "never" }
        return Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }
}
