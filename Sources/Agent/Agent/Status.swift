import Accounting
import FoundationEssentials
import HostFiles
import Ledger
import Meters

/// What a running agent knows, as `tollkeeper-agent status --json` prints it.
struct AgentStatus: Codable, Sendable {
    struct Meter: Codable, Sendable {
        var name: String
        var source: String
        var keys: Int
        var fault: String?
        /// Who may reset its counters; nil where nobody does.
        var contested: String?
        /// Processor time that its last reading took this agent, in milliseconds.
        var readingCPU: Double
        /// Processor time of that reading's difference and bookings, in milliseconds.
        var bookingCPU: Double
        /// Readings since this agent began, and the processor time of all of them, in milliseconds.
        var readings: UInt64
        var allReadingsCPU: Double
        var allBookingsCPU: Double

        private enum CodingKeys: String, CodingKey {
            case name, source, keys, fault, contested, readings
            case readingCPU = "reading_cpu_ms"
            case bookingCPU = "booking_cpu_ms"
            case allReadingsCPU = "all_readings_cpu_ms"
            case allBookingsCPU = "all_bookings_cpu_ms"
        }
    }

    struct Unmet: Codable, Sendable {
        var credential: UInt64
        var code: String
        var detail: String
    }

    struct ShutKey: Codable, Sendable {
        var meter: String
        var key: String
        /// "blocked": its last bytes settle; "removed".
        var state: String
    }

    /// A configuration file in which a shut is kept.
    struct File: Codable, Sendable {
        var meter: String
        var path: String
        /// The keys whose blocks are commented out there.
        var commentedOut: [String]
        /// What could not be done there; it is tried again.
        var faults: [String]
        /// What an operator should know of it.
        var note: String?

        private enum CodingKeys: String, CodingKey {
            case meter, path, faults, note
            case commentedOut = "commented_out"
        }
    }

    var version: String
    var mode: String
    var server: UInt64
    var serverName: String
    var controllers: [String]
    var controllerFault: String?
    var secondsSinceContact: Double?
    var ledger: String
    var unsentRows: Int
    var unacknowledgedBatches: Int
    var revision: UInt64
    var secondsSinceReading: Double?
    /// Processor time of the last round over all meters, in milliseconds.
    var roundCPU: Double
    /// Processor time of this process since its start, in seconds.
    var processCPU: Double
    var meters: [Meter]
    var faults: [String]
    var shut: [ShutKey]
    var unmet: [Unmet]
    var files: [File]
    /// What holds up pushing, or goes on beside it.
    var notes: [String]
    /// Why this ledger must not push any more; nil while it may.
    var ledgerFault: String?
    /// What Tollkeeper made on this host and `release` removes.
    var made: [String]

    private enum CodingKeys: String, CodingKey {
        case version, mode, server, controllers, ledger, revision, meters, faults, shut, unmet,
            files, notes, made
        case serverName = "server_name"
        case controllerFault = "controller_fault"
        case secondsSinceContact = "seconds_since_contact"
        case unsentRows = "unsent_rows"
        case unacknowledgedBatches = "unacknowledged_batches"
        case ledgerFault = "ledger_fault"
        case secondsSinceReading = "seconds_since_reading"
        case roundCPU = "round_cpu_ms"
        case processCPU = "process_cpu_seconds"
    }
}

extension Keeper {
    /// Gathers what `status` shows.
    func status(_ identity: Identity, _ state: LinkState) throws -> AgentStatus {
        let depth = try ledger.depth()
        let now = clock.now()
        return AgentStatus(
            version: version, mode: options.mode.rawValue, server: identity.server,
            serverName: identity.name, controllers: identity.controllers,
            controllerFault: state.fault, secondsSinceContact: state.secondsSinceContact,
            ledger: ledger.id, unsentRows: depth.rows, unacknowledgedBatches: depth.batches,
            revision: revision,
            secondsSinceReading: lastCycle.map { Double(now.boottime - $0.boottime) / 1e9 },
            roundCPU: Double(lastEffort) / 1e6,
            processCPU: Double(ProcessorTime.ofProcess) / 1e9,
            meters: meterStatus,
            faults: discoveryFaults.map(\.text) + [ledgerFault].compactMap { $0 }, shut: shutKeys,
            unmet: outcomes.unmet.map {
                .init(credential: $0.credential, code: $0.code.rawValue, detail: $0.detail)
            },
            files: files,
            notes: notes, ledgerFault: staleness.map { "\($0)" },
            made: shutKeys.map { "\($0.state) \($0.key) on \($0.meter)" }
                + files.flatMap { file in
                    file.commentedOut.map { "commented out \($0) in \(file.path)" }
                } + [table?.summary].compactMap { $0 })
    }

    private var files: [AgentStatus.File] {
        var files: [AgentStatus.File] = []
        let noted = Dictionary(grouping: persistence.noted) { block in
            [
                block.meter.description,
                block.container.map { "\(block.path) in \($0)" } ?? block.path,
            ]
        }
        for (place, blocks) in noted {
            files.append(
                .init(
                    meter: place[0], path: place[1],
                    commentedOut: blocks.map(\.key.description).sorted(), faults: []))
        }
        for (meter, state) in persistence.files {
            guard let path = state.place?.file.description,
                !state.faults.isEmpty || state.note != nil
            else { continue }
            let name = meter.description
            let index = files.firstIndex { $0.meter == name && $0.path == path } ?? files.count
            if index == files.count {
                files.append(.init(meter: name, path: path, commentedOut: [], faults: []))
            }
            files[index].faults = state.faults
            files[index].note = state.note
        }
        return files.sorted { ($0.path, $0.meter) < ($1.path, $1.meter) }
    }

    /// Why nothing is booked in a ledger that begins anew.
    static let awaitingCounters =
        "nothing is booked before the controller has said what it knows of this host's counters"

    private var notes: [String] {
        var notes: [String] = []
        if ledger.awaitsCounters { notes.append(Self.awaitingCounters) }
        if ledger.isCatchingUp {
            notes.append("the controller has lost batches; it is caught up with totals")
        }
        if let tableFault { notes.append(tableFault) }
        return notes
    }

    private var meterStatus: [AgentStatus.Meter] {
        meters.values.map { meter in
            let effort = efforts[meter.name] ?? Effort()
            return .init(
                name: meter.name.description, source: meter.traits.source,
                keys: ledger.baselines(of: meter.name).counters.values.reduce(0) { $0 + $1.count },
                fault: faults[meter.name], contested: contested[meter.name],
                readingCPU: Double(effort.reading) / 1e6, bookingCPU: Double(effort.booking) / 1e6,
                readings: effort.readings, allReadingsCPU: Double(effort.allReadings) / 1e6,
                allBookingsCPU: Double(effort.allBookings) / 1e6)
        }
        .sorted { $0.name < $1.name }
    }

    private var shutKeys: [AgentStatus.ShutKey] {
        kept.flatMap { meter, keys in
            keys.map { key, entry in
                AgentStatus.ShutKey(
                    meter: meter.description, key: key.description,
                    state: entry.isRemoved ? "removed" : "blocked")
            }
        }
        .sorted { ($0.meter, $0.key) < ($1.meter, $1.key) }
    }
}
