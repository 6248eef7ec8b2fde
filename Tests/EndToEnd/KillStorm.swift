import API
import Foundation
import TestSupport
import Testing

/// Kills both programs at random moments while clients' traffic flows, and looks between.
///
/// What holds at every look: nothing booked is above what WireGuard counted, and nothing goes
/// back. What is booked is asked for first, so what is counted meanwhile cannot hide a fault.
struct KillStorm {
    private let tunnel: Tunnel
    private let fleet: Fleet
    /// Clients that stay connected; each counter of theirs lives as long as the storm.
    private let counted: [TunnelClient]
    /// A client that is revoked, goes on sending, and is brought back now and then.
    private let revoked: TunnelClient
    private var random: SeededRandom
    private var highest: [String: Total] = [:]
    /// How many looks the controller answered.
    private(set) var looks = 0

    init(_ tunnel: Tunnel, _ fleet: Fleet, revoked name: String, seed: UInt64) throws {
        self.tunnel = tunnel
        self.fleet = fleet
        revoked = try tunnel.client(name)
        counted = tunnel.clients.filter { $0.name != name }
        random = SeededRandom(seed: seed)
    }

    /// Kills `count` times and starts again at once what was killed. Every fifth time it waits
    /// until the two have caught up far enough to book something new.
    mutating func run(kills count: Int) throws {
        for number in 1...count {
            try kill()
            if random.happens(onceIn: 4) { try tunnel.synchronise() }
            usleep(UInt32.random(in: 0...Self.longestPause, using: &random))
            if random.happens(onceIn: 2) { try look() }
            if number.isMultiple(of: 5) || number == count { try awaitProgress(after: number) }
        }
    }

    /// Microseconds between two kills at most: about what the two take to be up and at work.
    private static let longestPause: UInt32 = Guest.isHere ? 4_000_000 : 900_000

    private mutating func kill() throws {
        let victims = Int.random(in: 0..<5, using: &random)
        if victims != 3 {
            try #require(fleet.agent?.isRunning == true, "it ended: \(fleet.agent?.errors ?? "")")
            fleet.killAgent()
        }
        if victims >= 3 {
            try #require(fleet.controller.isRunning, "it ended: \(fleet.controller.errors)")
            fleet.killController()
            try fleet.startController(waiting: false)
        }
        if victims != 3 { try fleet.startAgent() }
    }

    /// Compares what is booked with what is counted. False where the controller is away.
    @discardableResult
    mutating func look() throws -> Bool {
        guard let booked = try? fleet.totals() else { return false }
        let truth = try tunnel.truth()
        for client in counted {
            let key = client.keys.publicKey
            let total = try #require(booked[key], "\(client.name) is not known any more")
            let counter = try #require(truth[key])
            #expect(total <= counter, "\(client.name): more is booked than was counted")
            #expect((highest[key] ?? total) <= total, "\(client.name): the total went back")
            highest[key] = total
        }
        let sent = try #require(booked[revoked.keys.publicKey]).sent
        #expect(try sent <= revoked.bytesSent(), "\(revoked.name): more is booked than it sent")
        looks += 1
        return true
    }

    private mutating func awaitProgress(after kills: Int) throws {
        let before = highest
        var storm = self
        let isFurther = try eventually(within: 120) {
            guard try storm.look() else { return false }
            return before.allSatisfy { key, total in
                storm.highest[key].map { $0.sent > total.sent && $0.received > total.received }
                    ?? false
            }
        }
        self = storm
        try #require(
            isFurther,
            """
            nothing new was booked after kill \(kills): \(fleet.agent?.errors ?? "") \
            \(fleet.controller.errors)
            """)
    }
}

extension Total {
    /// Whether it is not above the other in either direction.
    static func <= (left: Total, right: Total) -> Bool {
        left.sent <= right.sent && left.received <= right.received
    }
}

extension TunnelClient {
    /// What this client's own WireGuard has sent: the server cannot have received more.
    func bytesSent() throws -> Int64 {
        let line = try namespace.run("wg", "show", interface, "transfer")
        let fields = line.split(whereSeparator: \.isWhitespace)
        return try #require(fields.count == 3 ? Int64(fields[2]) : nil, "\(line)")
    }
}
