public import Accounting

/// A WireGuard or AmneziaWG device run by a userspace daemon (wireguard-go, boringtun,
/// amneziawg-go), read and changed through its control socket, also one in a container.
///
/// The daemon counts a packet before it looks at allowed IPs, so a key cannot be blocked in place:
/// `remove` is the only way to keep it out. Every call opens a connection of its own, and none
/// waits longer than `timeout` (and, for changes, a millisecond more for each key). A daemon that let
/// one time out, such as a paused container's, is waited for only briefly until it answers again.
public final class UserspaceDevice: Meter {
    /// The meter's name, unique on this host.
    public let name: MeterName
    /// The control socket.
    public let socket: FilePlace
    /// Counters live in the daemon; nothing is blocked in place.
    public let traits = MeterTraits(source: "userspace", blocksInPlace: false)

    private let processes: String
    private let timeout: Duration
    private let now: () -> Instant
    private var last = UserspaceExtent()
    /// How many calls in a row the daemon has let time out.
    private var lateInARow = 0

    /// Makes a meter of the daemon that listens at `socket`, which need not be there yet.
    ///
    /// `now` gives both clocks; `processes` is where the kernel tells of processes.
    public init(
        name: MeterName, socket: FilePlace, processes: String = "/proc",
        timeout: Duration = .seconds(10), now: @escaping () -> Instant
    ) {
        self.name = name
        self.socket = socket
        self.processes = processes
        self.timeout = timeout
        self.now = now
    }

    /// Reads every peer at one instant, all or nothing.
    ///
    /// Throws `absent` where no daemon listens, `malformed` for an answer that is not whole.
    public func read() throws(MeterError) -> MeterReading {
        let doing = "read \(name)"
        let connection = try connect(doing: doing)
        var request = UserspaceRequest()
        request.get()
        let answer = try exchange(request, on: connection, answers: 1)
        let instant = now()
        let reply = answer.replies[0]
        let incarnation = try incarnation(of: answer, on: connection, at: instant, doing: doing)
        return reading(of: reply, incarnation: incarnation, at: instant)
    }

    /// Takes every allowed IP from `keys`, so that nothing of theirs passes, and verifies it.
    ///
    /// What they send is counted all the same, so this is for when a removal must wait: see
    /// `traits`.
    public func block(_ keys: [Key]) throws(MeterError) {
        let doomed = keys.compactMap(\.publicKey)
        guard !doomed.isEmpty else { return }
        let doing = "block \(doomed.count) of the peers of \(name)"
        let connection = try connect(doing: doing)
        var request = UserspaceRequest()
        request.empty(doomed)
        _ = try exchange(request, on: connection, answers: 1, keys: doomed.count)
        let left = try peers(on: connection, doing: doing).first {
            doomed.contains($0.key) && !$0.settings.addresses.isEmpty
        }
        guard let left else { return }
        throw MeterError(
            .unverified, doing: doing,
            reason: "the daemon agreed, yet \(left.key.base64) still has addresses")
    }

    /// Takes `keys` out, reading every counter right before on the same connection.
    ///
    /// The window goes from before that reading was asked for until the daemon had removed them:
    /// an upper bound of the time in which bytes went uncounted.
    public func remove(_ keys: [Key]) throws(MeterError) -> Removal {
        let doomed = keys.compactMap(\.publicKey)
        guard !doomed.isEmpty else { return Removal(final: nil, window: 0) }
        let doing = "remove \(doomed.count) of the peers of \(name)"
        let connection = try connect(doing: doing)
        var request = UserspaceRequest()
        request.get()
        request.remove(doomed)
        let start = now()
        let answer = try exchange(request, on: connection, answers: 2, keys: doomed.count)
        let end = now()
        let reply = answer.replies[0]
        let incarnation = try incarnation(of: answer, on: connection, at: end, doing: doing)
        var removal = Removal(
            final: reading(of: reply, incarnation: incarnation, at: end),
            window: end.boottime - min(start.boottime, end.boottime))
        do throws(MeterError) {
            try verifyAbsence(of: doomed, on: connection, doing: doing)
        } catch {
            removal.fault = error
        }
        return removal
    }

    /// Puts peers back exactly as `settings` say, all of them or none.
    ///
    /// Throws `addressTaken`, naming the owner, where an address belongs to another peer now: the
    /// daemon would take it away from that peer without a word.
    public func restore(_ settings: [PeerSettings]) throws(MeterError) {
        let wanted = settings.compactMap { settings in
            settings.key.publicKey.map { (key: $0, settings: settings) }
        }
        guard !wanted.isEmpty else { return }
        let doing = "restore \(wanted.count) of the peers of \(name)"
        let connection = try connect(doing: doing)
        let before = try peers(on: connection, doing: doing)
        if let conflict = AddressConflict.first(
            restoring: settings, among: before.map(\.settings))
        {
            throw conflict.error(doing: doing)
        }
        do throws(MeterError) {
            try put(wanted, on: connection, doing: doing)
        } catch {
            throw takingBack(wanted.map(\.key), before: before, because: error)
        }
    }
}

extension UserspaceDevice {
    private func connect(doing: String) throws(MeterError) -> UserspaceSocket {
        try .connect(to: socket, until: .now + patience, doing: doing)
    }

    /// How long a call may take: now and then all of it for one that is merely slow.
    private var patience: Duration {
        lateInARow.isMultiple(of: 8) ? timeout : min(timeout, .seconds(1))
    }

    private func exchange(
        _ request: UserspaceRequest, on connection: borrowing UserspaceSocket, answers: Int,
        keys: Int = 0
    ) throws(MeterError) -> UserspaceAnswer {
        let deadline = ContinuousClock.now + patience + .milliseconds(keys)
        do throws(MeterError) {
            let answer = try connection.exchange(
                request.bytes, answers: answers, like: last, until: deadline)
            // Only what was asked for the peers tells how many there are.
            let extent = answer.replies[0].extent
            if extent.count > 0 { last = extent }
            lateInARow = 0
            return answer
        } catch {
            lateInARow = ContinuousClock.now < deadline ? 0 : lateInARow + 1
            throw error
        }
    }

    private func peers(
        on connection: borrowing UserspaceSocket, doing: String
    ) throws(MeterError) -> [UserspacePeer] {
        var request = UserspaceRequest()
        request.get()
        return try exchange(request, on: connection, answers: 1).replies[0].peers
    }

    /// The daemon's own process. That the connection still stands after `/proc` was read proves
    /// that the pid was not another process's by then.
    private func incarnation(
        of answer: borrowing UserspaceAnswer, on connection: borrowing UserspaceSocket,
        at instant: Instant, doing: String
    ) throws(MeterError) -> Incarnation {
        guard let process = answer.writer else {
            throw MeterError(
                .failed, doing: doing,
                reason: "the daemon's process cannot be seen from this process namespace")
        }
        let ticks = try UserspaceProcess.startTicks(of: process, in: processes, doing: doing)
        guard connection.isAlive() else {
            throw MeterError(.absent, doing: doing, reason: "the daemon ended meanwhile")
        }
        return .process(
            boot: instant.boot, pid: process, startTicks: ticks, device: name.device)
    }

    private func reading(
        of reply: UserspaceReply, incarnation: Incarnation, at instant: Instant
    ) -> MeterReading {
        let reading = Reading(
            meter: name, instant: instant, counters: reply.counters(incarnation),
            startsFromZero: true)
        return MeterReading(
            reading: reading, listenPort: reply.listenPort, fingerprint: reply.fingerprint,
            peers: { reply.settings(of: $0) })
    }

    private func verifyAbsence(
        of keys: [PublicKey], on connection: borrowing UserspaceSocket, doing: String
    ) throws(MeterError) {
        var request = UserspaceRequest()
        request.get()
        let reply = try exchange(request, on: connection, answers: 1).replies[0]
        let left = Set(reply.records.map(\.publicKey)).intersection(keys)
        guard let key = left.first else { return }
        throw MeterError(
            .unverified, doing: doing,
            reason: "the daemon agreed, yet \(left.count) are still there, \(key.base64) first")
    }
}

extension UserspaceDevice {
    private func put(
        _ wanted: [(key: PublicKey, settings: PeerSettings)],
        on connection: borrowing UserspaceSocket, doing: String
    ) throws(MeterError) {
        // In parts, so that the time allowed goes with the work done.
        for start in stride(from: 0, to: wanted.count, by: Self.part) {
            let part = wanted[start..<min(start + Self.part, wanted.count)]
            var request = UserspaceRequest()
            request.put(part)
            _ = try exchange(request, on: connection, answers: 1, keys: part.count)
        }
        let now = Dictionary(
            uniqueKeysWithValues: try peers(on: connection, doing: doing).map {
                ($0.key, $0.settings)
            })
        for (key, settings) in wanted where now[key]?.isEquivalent(to: settings) != true {
            throw MeterError(
                .unverified, doing: doing,
                reason: "the daemon agreed, yet \(key.base64) is not as it was asked to be")
        }
    }

    /// Undoes a restore that failed halfway, on a connection of its own: after an error number the
    /// daemon may take leftover lines for its next request. Returns what to throw.
    private func takingBack(
        _ keys: [PublicKey], before: [UserspacePeer], because error: MeterError
    ) -> MeterError {
        let made = Set(keys).subtracting(before.map(\.key))
        do throws(MeterError) {
            let connection = try connect(doing: error.doing)
            var request = UserspaceRequest()
            request.remove(Array(made))
            _ = try exchange(request, on: connection, answers: 1, keys: made.count)
            return error
        } catch let second {
            let reason = "\(error.reason); nor could it be undone: \(second.reason)"
            return MeterError(error.code, doing: error.doing, reason: reason)
        }
    }

    private static let part = 500
}
