import Accounting
import ArgumentParser
import FoundationEssentials
import Glibc
import HTTPClient
import Meters

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check this host and the way to the controller, and say what to do.")

    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var place: PlaceOptions

    func run() async throws {
        var findings: [Finding] = []
        do {
            let options = try place.load()
            findings += await Doctor.meters(options)
            findings += await Doctor.controller(options)
            findings += Doctor.daemon(options)
        } catch {
            findings.append(.failure("settings", "\(error)"))
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        print(
            json
                ? String(decoding: try encoder.encode(findings), as: UTF8.self)
                : findings.map(\.line).joined(separator: "\n"))
        if findings.contains(where: { $0.level == .failure }) { throw ExitCode.failure }
    }
}

/// One thing that the doctor looked at.
struct Finding: Codable {
    enum Level: String, Codable {
        case fine
        case advice
        case failure
    }

    var level: Level
    var subject: String
    var text: String

    static func fine(_ subject: String, _ text: String) -> Finding {
        Finding(level: .fine, subject: subject, text: text)
    }

    static func advice(_ subject: String, _ text: String) -> Finding {
        Finding(level: .advice, subject: subject, text: text)
    }

    static func failure(_ subject: String, _ text: String) -> Finding {
        Finding(level: .failure, subject: subject, text: text)
    }

    var line: String {
        let mark =
            switch level {
            case .fine: "ok    "
            case .advice: "note  "
            case .failure: "FAIL  "
            }
        return "\(mark)\(subject): \(text)"
    }
}

/// The checks.
private enum Doctor {
    static func meters(_ options: AgentOptions) async -> [Finding] {
        let clock: HostClock
        do { clock = try HostClock.open() } catch { return [.failure("host", "\(error)")] }
        let found = await MeterDiscovery.Found.now(clock: clock, options: options)
        var findings = found.faults.map { fault in
            switch fault.place {
            case .container, .containers: return Finding.failure("containers", fault.text)
            case .host, .namespace:
                return Finding.failure(
                    "rights",
                    "\(fault.text); the agent needs CAP_NET_ADMIN, and CAP_SYS_ADMIN to enter "
                        + "named namespaces (NAMESPACES limits which)")
            }
        }
        if found.meters.values.allSatisfy({ $0.name.isObserved }), options.ports == PortOptions() {
            findings.append(
                .advice(
                    "meters",
                    "no WireGuard or AmneziaWG interface is up on this host; no client of a VPN "
                        + "is counted"))
        }
        for meter in found.meters.values {
            do {
                let reading = try meter.read()
                findings.append(.fine("meters", "\(meter.name) has \(reading.peers.count) keys"))
                if let rules = meter as? HostRules {
                    findings += rules.notes.map { .advice("ports", $0) }
                }
            } catch {
                findings.append(.failure("meters", "\(error)"))
            }
        }
        return findings
    }

    static func controller(_ options: AgentOptions) async -> [Finding] {
        do {
            let identity = try Identity.joined(in: options.stateFolder)
            let transport = try ControllerLink.transport(pins: identity.pins, proxy: options.proxy)
            let urls = options.controllers.isEmpty ? identity.controllers : options.controllers
            var findings: [Finding] = []
            for url in urls { findings.append(await reach(url, transport)) }
            return findings
        } catch {
            return [.failure("controller", "\(error)")]
        }
    }

    private static func reach(_ url: String, _ transport: HTTPTransport) async -> Finding {
        do {
            let request = HTTPRequest("GET", "\(url)/healthz", timeout: .seconds(10))
            let answer = try await transport.send(request)
            guard answer.status == 200 else {
                return .failure("controller", "\(url) answered \(answer.status)")
            }
            return clock(url, answer) ?? .fine("controller", "\(url) answers")
        } catch {
            return .failure("controller", "\(error)")
        }
    }

    /// A finding where this host's clock is far from the controller's.
    private static func clock(_ url: String, _ answer: HTTPResponse) -> Finding? {
        guard let text = answer.header("Date"), let date = HTTPDate.parse(text) else { return nil }
        let offset = Date().timeIntervalSince(date)
        guard abs(offset) > 5 else { return nil }
        return .advice(
            "clock",
            "this host's clock is \(Int(offset)) s off the controller's; traffic is booked "
                + "at the right time all the same, but set up NTP")
    }

    static func daemon(_ options: AgentOptions) -> [Finding] {
        do {
            guard let bytes = try StatusSocket.ask(in: options.stateFolder) else {
                return [.advice("agent", "it does not run on \(options.stateFolder)")]
            }
            let status = try JSONDecoder().decode(AgentStatus.self, from: Data(bytes))
            var findings = [Finding.fine("agent", "it runs, revision \(status.revision)")]
            if let fault = status.controllerFault {
                findings.append(.failure("agent", fault))
            }
            if let fault = status.ledgerFault { findings.append(.failure("ledger", fault)) }
            findings += status.notes.map { .advice("agent", $0) }
            findings += status.unmet.map { .advice("access", $0.detail) }
            findings += status.meters.compactMap { meter in
                meter.contested.map { .advice("meters", ContestReport.advice(meter.name, $0)) }
            }
            for file in status.files {
                findings += file.faults.map { .failure("files", $0) }
                if let note = file.note { findings.append(.advice("files", note)) }
            }
            return findings
        } catch {
            return [.failure("agent", "\(error)")]
        }
    }
}

/// Dates as HTTP writes them (RFC 9110, section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HTTPDate {
    static func parse(_ text: String) -> Date? {
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let words = text.split(separator: " ")
        guard words.count == 6, let day = Int(words[1]), let year = Int(words[3]),
            let month = months.firstIndex(of: String(words[2]))
        else { return nil }
        let stamp =
            "\(year)-\(month < 9 ? "0" : "")\(month + 1)-\(day < 10 ? "0" : "")\(day)T\(words[4])Z"
        return try? Date(stamp, strategy: .iso8601)
    }
}
