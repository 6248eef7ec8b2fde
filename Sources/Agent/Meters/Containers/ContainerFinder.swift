internal import FoundationEssentials
internal import Glibc
internal import HTTPClient

/// The containers of a host, and what could not be learned of them.
public struct ContainerSight: Hashable, Sendable {
    /// Those that run, by name; two may have the same.
    public var containers: [Container]
    /// Why some may be missing.
    public var faults: [String]

    /// Makes a sight.
    public init(containers: [Container] = [], faults: [String] = []) {
        self.containers = containers
        self.faults = faults
    }
}

/// Finds this host's containers: Docker says how they are called and which is their first
/// process; those of other engines are told by their control groups.
///
/// A container that Docker once named keeps its name while it runs, also when Docker is away.
public actor ContainerFinder {
    /// Where Docker listens by default.
    public static let usualSocket = "/var/run/docker.sock"

    private let socket: String
    private let processes: String
    private var transport: HTTPTransport?
    /// By Docker's ids.
    private var known: [String: Container] = [:]
    /// When the last look began: what happens from then on is news. Seconds since 1970.
    private var lastLook: Int64 = 0

    private let patience: Duration

    /// Looks for Docker at `socket`, which has `patience` for all that it is asked in one look;
    /// asks nothing yet.
    public init(
        socket: String = ContainerFinder.usualSocket, processes: String = "/proc",
        patience: Duration = .seconds(5)
    ) {
        self.socket = socket
        self.processes = processes
        self.patience = patience
    }

    /// Every container that runs now. Takes a few seconds at most, whatever Docker does.
    public func look() async -> ContainerSight {
        lastLook = Int64(time(nil))
        var sight = ContainerSight()
        known = known.filter { $0.value.isRunning }
        if access(socket, F_OK) == 0 {
            do {
                try await ask(&sight)
            } catch {
                sight.faults.append(
                    "could not ask Docker for its containers on \(socket): \(Self.reason(error))")
            }
        }
        addOthers(&sight)
        sight.containers += known.values
        sight.containers.sort {
            ($0.name, $0.startTicks, $0.process) < ($1.name, $1.startTicks, $1.process)
        }
        return sight
    }

    /// Waits until a container starts or ends, at most `limit`.
    public func waitForNews(atMost limit: Duration) async {
        let start = ContinuousClock.now
        if access(socket, F_OK) == 0, let transport {
            let filters =
                "%7B%22type%22%3A%5B%22container%22%5D%2C"
                + "%22event%22%3A%5B%22start%22%2C%22die%22%2C%22rename%22%5D%7D"
            var request = request("/events?since=\(lastLook)&filters=\(filters)")
            request.timeout = limit
            request.endsAfterLine = true
            let answer = try? await transport.send(request)
            // Not more than one look a second, whatever Docker says happened.
            if answer?.status == 200 { return await sleep(until: start + .seconds(1)) }
        }
        await sleep(until: start + limit)
    }

    private func sleep(until deadline: ContinuousClock.Instant) async {
        try? await Task.sleep(until: deadline, clock: .continuous)
    }

    /// Asks Docker what runs, and for the first process of what it has not told yet.
    private func ask(_ sight: inout ContainerSight) async throws {
        let deadline = ContinuousClock.now + patience
        let listed = try DockerAnswer.list(try await get("/containers/json").body)
        let ids = Set(listed.map(\.id))
        known = known.filter { ids.contains($0.key) }
        for entry in listed {
            if let old = known[entry.id] {
                known[entry.id] = Container(
                    name: entry.name, process: old.process, startTicks: old.startTicks)
            } else {
                // The rest has its turn with the next look.
                guard ContinuousClock.now < deadline else { throw Late() }
                known[entry.id] = try await inspect(entry)
            }
        }
    }

    /// The container; nil where it ended between listing and asking.
    private func inspect(_ entry: DockerAnswer.Entry) async throws -> Container? {
        let answer = try await get("/containers/\(entry.id)/json", orNone: true)
        guard answer.status == 200, let process = try DockerAnswer.process(answer.body) else {
            return nil
        }
        do throws(MeterError) {
            let container = try Container.find(entry.name, process: process)
            return isAnother(process, than: entry.id) ? nil : container
        } catch {
            guard error.code == .absent else { throw error }
            return nil
        }
    }

    /// Whether the process belongs to another container by now, as its control group tells.
    private func isAnother(_ process: Int32, than id: String) -> Bool {
        let text = ControlGroups.text(of: "\(processes)/\(process)/cgroup") ?? ""
        guard let found = ControlGroups.container(in: text) else { return false }
        // Whatever the engine's folder is called: an id is an id.
        return ContainerName.isID(found.id) && found.id != id
    }

    /// Adds the containers that Docker does not speak of, without the one that this process may
    /// be in. One of Docker's own that it has never named is a fault: under another name it would
    /// be another meter.
    private func addOthers(_ sight: inout ContainerSight) {
        let named = Set(known.values.map(\.process))
        let own = ControlGroups.text(of: "\(processes)/self/cgroup").flatMap {
            ControlGroups.container(in: $0)
        }
        for (id, entry) in ControlGroups.containers(in: processes).sorted(by: { $0.key < $1.key })
        where known[id] == nil && !named.contains(entry.process) && id != own?.id {
            if entry.engine == .docker {
                sight.faults.append(
                    "the container \(entry.name) is Docker's, which does not say its name on "
                        + "\(socket); it is not metered")
            } else {
                sight.containers.append(
                    Container(
                        name: entry.name, process: entry.process, startTicks: entry.startTicks))
            }
        }
    }

    private func get(_ path: String, orNone: Bool = false) async throws -> HTTPResponse {
        let transport =
            if let transport { transport } else {
                try HTTPTransport(.init(unixSocket: socket, connectTimeout: patience))
            }
        self.transport = transport
        let answer = try await transport.send(request(path))
        guard answer.status == 200 || (orNone && answer.status == 404) else {
            throw MeterError(
                .failed, doing: "ask Docker", reason: "it answered with status \(answer.status)")
        }
        return answer
    }

    private func request(_ path: String) -> HTTPRequest {
        HTTPRequest("GET", "http://docker\(path)", timeout: patience)
    }

    private struct Late: Error, CustomStringConvertible {
        var description: String { "it takes too long" }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError: error.reason
        case let error as MeterError: error.reason
        default: "\(error)"
        }
    }
}
