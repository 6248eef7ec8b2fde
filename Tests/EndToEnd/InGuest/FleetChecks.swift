import API
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// What the two programs do with the kernel's WireGuard beyond what they do with any.
    @Suite(.enabled(if: Guest.isHere, "runs in the guest that FleetGuestTests boots"))
    struct FleetChecks {
        /// Reads far apart, so that what is booked at a revoke is booked because of it, and
        /// joined over TLS at an address of the host.
        private func start() throws -> (Tunnel, Fleet) {
            let tunnel = try Tunnel(clients: ["alice", "bob"])
            let fleet = try Fleet(
                tunnel, listen: "0.0.0.0", interval: "60s",
                settings: ["TOLLKEEPER_AGENT_PUSH_INTERVAL": "500ms"])
            try fleet.join(at: FleetGuestTests.address)
            try fleet.startAgent()
            #expect(try eventually { try fleet.clients().count == 2 })
            return (tunnel, fleet)
        }

        @Test func aRevokedPeerIsBlockedAtOnceAndRemovedWhenItsLastBytesAreBooked() throws {
            let (tunnel, fleet) = try start()
            let alice = try tunnel.client("alice")
            let traffic = try alice.pingSteadily()
            defer { traffic.stop() }
            let isFlowing = try eventually {
                (try Sighting(of: alice, at: tunnel)?.total.received ?? 0) > 5000
            }
            #expect(isFlowing)
            let revoke = try fleet.start("client", "revoke", "alice")
            let sightings = try watch(alice, at: tunnel)
            let gone = ContinuousClock.now
            #expect(revoke.wait(limit: 60) == 0, "\(revoke.errors)")
            let answer = try JSONDecoder().decode(
                EnforcementAnswer.self, from: Data(revoke.output.utf8))
            #expect(answer.enforcement.state == .enforced)

            let open = try #require(sightings.last { !$0.isBlocked })
            let last = try #require(sightings.last)
            try #require(last.isBlocked, "it was removed without having been blocked")
            let watched = gone - open.instant
            let latency = Duration.milliseconds(try #require(answer.enforcement.latencyMs))
            #expect(latency < watched, "it was told only after the removal")
            #expect(
                (.seconds(1) ..< .seconds(30)).contains(watched), "it was watched for \(watched)")
            #expect(last.total.sent >= open.total.sent)
            #expect(try eventually { try fleet.totals()[alice.keys.publicKey] == last.total })
            #expect(try tunnel.client("bob").reachesServer())
        }

        @Test func aRestoredPeerWorksAtOnceWithItsPresharedKeyAndIsCountedOn() throws {
            let (tunnel, fleet) = try start()
            let alice = try tunnel.client("alice")
            try alice.ping(count: 20)
            let before = try #require(try Sighting(of: alice, at: tunnel))
            // Its keepalives go on until it is blocked: what it had counted is seen then.
            let revoke = try fleet.start("client", "revoke", "alice")
            let sightings = try watch(alice, at: tunnel)
            #expect(revoke.wait(limit: 60) == 0, "\(revoke.errors)")
            let total = try #require(sightings.last).total
            #expect(try eventually { try fleet.totals()[alice.keys.publicKey] == total })
            #expect(try !alice.isReachedByServer())

            let restored = try fleet.tollkeeper("client", "restore", "alice")
            #expect(restored.contains("enforced"))
            let peer = try #require(try Sighting(of: alice, at: tunnel))
            #expect(peer.settings == before.settings)
            #expect(peer.settings[1] == alice.presharedKey)
            #expect(try alice.isReachedByServer())
            #expect(try alice.reachesServer())
            try fleet.tollkeeper("server", "sync", "host")
            let isWhole = try eventually {
                let now = try tunnel.truth()[alice.keys.publicKey]
                return try fleet.totals()[alice.keys.publicKey] == now.map { total + $0 }
            }
            #expect(isWhole)
        }

        /// Each time every byte is charged or told to be held; where nothing else passed while the
        /// two readings were taken, all of it is charged.
        @Test func aPeerAddedAgainThatPassedItsOldCountersUnseenIsCountedWhole() throws {
            let (tunnel, fleet) = try start()
            // The last of the dump, which stands last again when it is added again.
            let bob = try tunnel.client("bob")
            try tunnel.client("alice").ping(count: 3)
            try bob.ping(count: 5)
            var past = Total(sent: 0, received: 0)
            var isProven = false
            for pings in [30, 60, 120] where !isProven {
                let heldBefore = try fleet.held(of: bob)
                let before = try addAgainOnceBooked(bob, after: past, tunnel, fleet)
                past = past + before
                #expect(try bob.isReachedByServer(limit: 30))
                try bob.ping(count: pings)
                let now = try #require(try tunnel.truth()[bob.keys.publicKey])
                try #require(now.sent > before.sent && now.received > before.received)
                let isWhole = try eventually(within: 60) { try isTold(bob, past, tunnel, fleet) }
                let credentials = try fleet.credentials()
                #expect(isWhole, "\(past) and \(now): \(credentials)")
                isProven = try fleet.held(of: bob) == heldBefore
            }
            #expect(isProven, "each time the old counters were held, not charged")
        }

        /// Whether all that a client had counted before and counts now is charged or held.
        private func isTold(
            _ client: TunnelClient, _ past: Total, _ tunnel: Tunnel, _ fleet: Fleet
        ) throws -> Bool {
            try fleet.tollkeeper("server", "sync", "host")
            let key = client.keys.publicKey
            let now = try #require(try tunnel.truth()[key])
            let booked = try #require(try fleet.totals()[key])
            return try booked + fleet.held(of: client) == past + now
        }

        /// Removes a peer and adds it again once all of it is booked; returns what it had counted.
        private func addAgainOnceBooked(
            _ client: TunnelClient, after past: Total, _ tunnel: Tunnel, _ fleet: Fleet
        ) throws -> Total {
            var before = Total(sent: 0, received: 0)
            let isAddedAgain = try eventually(within: 60) {
                try fleet.tollkeeper("server", "sync", "host")
                let key = client.keys.publicKey
                before = try #require(try tunnel.truth()[key])
                let booked = try #require(try fleet.totals()[key])
                guard try booked + fleet.held(of: client) == past + before else { return false }
                return try addAgain(client, at: tunnel, ifStillAt: before)
            }
            try #require(isAddedAgain)
            return before
        }

        @Test func whatARemovedPeerHadNotBeenReadWithStandsBesideWhatWasCharged() throws {
            let (tunnel, fleet) = try start()
            let bob = try tunnel.client("bob")
            try bob.ping(count: 5)
            try tunnel.client("alice").ping(count: 5)
            let isEven = try eventually(within: 60) {
                try fleet.tollkeeper("server", "sync", "host")
                let drift = try fleet.drift()
                return drift.observed == drift.charged && drift.charged.sent > 0
            }
            #expect(isEven)
            let before = try fleet.drift()
            try bob.ping(count: 20)
            let unread = try #require(try tunnel.truth()[bob.keys.publicKey])
            let booked = try #require(try fleet.totals()[bob.keys.publicKey])
            try tunnel.namespace.run(
                "wg", "set", tunnel.interface, "peer", bob.keys.publicKey, "remove")
            try fleet.tollkeeper("server", "sync", "host")
            let isSeen = try eventually(within: 30) {
                let drift = try fleet.drift()
                return drift.observed.sent - drift.charged.sent >= unread.sent - booked.sent
                    && drift.observed.received - drift.charged.received
                        >= unread.received - booked.received
            }
            let after = try fleet.drift()
            #expect(isSeen, "\(before), then \(after)")
            #expect(unread.sent > booked.sent)
        }

        /// Removes a peer and adds it again as it was, unless it has counted more by then.
        private func addAgain(
            _ client: TunnelClient, at tunnel: Tunnel, ifStillAt total: Total
        ) throws -> Bool {
            let sighting = try #require(try Sighting(of: client, at: tunnel))
            let folder = try TemporaryFolder()
            let secret = try folder.write(client.presharedKey + "\n", to: "preshared")
            let key = client.keys.publicKey
            let line = [key, "\(total.sent)", "\(total.received)"].joined(separator: "\t")
            let script = """
                wg show \(tunnel.interface) transfer | grep -qxF '\(line)' || exit 0
                wg set \(tunnel.interface) peer \(key) remove
                wg set \(tunnel.interface) peer \(key) preshared-key \(secret) \
                    endpoint \(sighting.settings[2]) allowed-ips \(sighting.settings[3])
                echo added
                """
            return try tunnel.namespace.run("sh", "-c", script).contains("added")
        }

        /// What is seen of a client's peer until it is gone.
        private func watch(_ client: TunnelClient, at tunnel: Tunnel) throws -> [Sighting] {
            var sightings: [Sighting] = []
            let isGone = try eventually {
                let sighting = try Sighting(of: client, at: tunnel)
                if let sighting { sightings.append(sighting) }
                return sighting == nil
            }
            try #require(isGone, "it was never removed")
            return sightings
        }
    }
}

/// A peer as `wg show INTERFACE dump` shows it at one moment.
private struct Sighting {
    let instant = ContinuousClock.now
    /// Public key, preshared key, endpoint and allowed IPs.
    let settings: [String]
    let total: Total

    /// nil where the interface has no such peer.
    init?(of client: TunnelClient, at tunnel: Tunnel) throws {
        let dump = try tunnel.namespace.run("wg", "show", tunnel.interface, "dump")
        let key = client.keys.publicKey
        guard let line = dump.split(separator: "\n").first(where: { $0.hasPrefix(key) }) else {
            return nil
        }
        let fields = line.split(separator: "\t").map(String.init)
        try #require(fields.count == 8, "\(line)")
        settings = Array(fields[0..<4])
        total = Total(
            sent: try #require(Int64(fields[5])), received: try #require(Int64(fields[6])))
    }

    var isBlocked: Bool { settings[3] == "(none)" }
}
