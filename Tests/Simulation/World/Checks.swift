import Accounting
import Meters

@testable import Store

/// What the controller has booked of one credential.
private struct Booked {
    let credential: Int64
    let server: Int64
    let key: String
    let total: Traffic
    let hours: Traffic
    let desired: Access
    /// Whether an opening waits until the server's usage is caught up.
    let waits: Bool
    /// What was reported apart: baselines, and what is held.
    let baseline: Traffic
    let held: Traffic
}

/// What is booked of one key of a host, over all its credentials.
struct BookedSums {
    var total = Traffic.zero
    var baseline = Traffic.zero
    var held = Traffic.zero

    fileprivate mutating func add(_ row: Booked) {
        total = total.adding(row.total) ?? total
        baseline = baseline.adding(row.baseline) ?? baseline
        held = held.adding(row.held) ?? held
    }
}

/// What the controller has booked of what a device carried.
private struct Observed {
    let credential: Int64
    let server: Int64
    let meter: String
    let total: Traffic
    let hours: Traffic
}

extension World {
    /// Compares what the controller has booked with the truth: never more, at rest all of it.
    func checkTotals(areFinal: Bool) async throws {
        guard let store = controller.store, controller.isUp else { return }
        let booked: [Booked]
        do {
            booked = try await store.booked()
        } catch {
            guard controller.isUp else { return }
            throw error
        }
        var sums: [String: [String: BookedSums]] = [:]
        for row in booked {
            try checkTotal(
                row.total, hours: row.hours, of: row.credential, called: row.key)
            let host = servers.first { $0.value == row.server }?.key ?? ""
            sums[host, default: [:]][row.key, default: BookedSums()].add(row)
        }
        for host in hosts {
            let charges = host.charges
            for (key, sum) in sums[host.name] ?? [:] where !cloneKeys.contains(key) {
                let charge = charges.first { "\($0.key)" == key }?.value ?? .zero
                let most = charge.adding(host.slack(of: key)) ?? charge
                guard most.isAtLeast(sum.total) else {
                    throw Violation(
                        "\(host.name): \(key) is charged \(sum.total), and used \(charge)")
                }
                try checkBaseline(of: key, sum, on: host, isFinal: areFinal)
            }
            if areFinal { try checkFinal(host, charges, sums[host.name] ?? [:]) }
        }
        try resolve(booked, areFinal: areFinal)
        for row in try await store.observed() { try check(row) }
    }

    /// What was observed of a device is never more than its link carried, and never goes back.
    private func check(_ row: Observed) throws {
        try checkTotal(row.total, hours: row.hours, of: row.credential, called: row.meter)
        guard let name = servers.first(where: { $0.value == row.server })?.key, cloneCount == 0,
            let host = hosts.first(where: { $0.name == name })
        else { return }
        let carried = host.carried(at: row.meter)
        guard carried.isAtLeast(row.total) else {
            throw Violation("\(name): \(row.meter) carried \(carried), observed \(row.total)")
        }
    }

    /// A total is the sum of its hours, and never goes back.
    private func checkTotal(
        _ total: Traffic, hours: Traffic, of credential: Int64, called name: String
    ) throws {
        guard total == hours else {
            throw Violation("the hours of \(name) hold \(hours), its total \(total)")
        }
        guard total.isAtLeast(seenTotals[credential] ?? .zero) else {
            throw Violation("the total of \(name) went back to \(total)")
        }
        seenTotals[credential] = total
    }

    private func checkFinal(
        _ host: TrueHost, _ charges: [Key: Traffic], _ sums: [String: BookedSums]
    ) throws {
        for counter in host.history where counter.isAlive && counter.recorded != counter.value {
            throw Violation(
                "\(host.name): \(counter.key) shows \(counter.value), and was read as "
                    + "\(counter.recorded.map { "\($0)" } ?? "nothing")")
        }
        for (key, charge) in charges {
            let booked = sums["\(key)"] ?? BookedSums()
            let sum = booked.total
            guard sum != charge, !host.mayBe(sum, beyond: charge, of: key) else { continue }
            // Within the slack where nobody could tell.
            if sum.isAtLeast(charge), host.slack[key] != nil { continue }
            if let less = host.unproven[key], (sum.adding(less) ?? sum).isAtLeast(charge) {
                unprovenKeys += 1
                try checkHeld(of: key, booked, charge, on: host)
                continue
            }
            throw Violation("\(host.name): \(key) used \(charge), and is charged \(sum)")
        }
    }

    /// What operators were told holds; where they were told nothing, what is so holds from now on.
    private func resolve(_ booked: [Booked], areFinal: Bool) throws {
        for row in booked {
            guard let wanted = wanted[row.key] else { continue }
            guard let wanted else {
                // A shut that a restored controller lacks may still come from an agent.
                let isCertain = row.desired != .open || !agents.contains { $0.mayKnowMore }
                if isCertain { self.wanted[row.key] = .some(row.desired) }
                continue
            }
            // A restored controller opens nothing before the usage is caught up (design.md, C8).
            if wanted == .open, row.waits, !areFinal { continue }
            guard wanted == row.desired else {
                throw Violation("\(row.key) was to be \(wanted), and is to be \(row.desired)")
            }
        }
    }

    /// An operator changes a client's access.
    func operate() async throws {
        guard let store = controller.store, controller.isUp, !isControllerAway else { return }
        do {
            let all = try await store.credentials(limit: 1_000)
            guard let one = chance.pick(all) else { return }
            let keys = all.filter { $0.client == one.client }.map(\.key)
            let access: Access = [.shut, .shut, .open, .open, .open, .deleted][chance.below(6)]
            note("an operator wants \(one.key) \(access)")
            for key in keys { wanted[key] = .some(nil) }
            switch access {
            case .shut: _ = try await store.revoke(client: one.client, now: controllerNow)
            case .open: _ = try await store.restore(client: one.client, now: controllerNow)
            case .deleted: _ = try await store.delete(client: one.client, now: controllerNow)
            case .uncounted: break
            }
            guard controller.isUp else { return }
            // What an agent shut since the backup goes before an opening by a controller that has
            // not heard of it (design.md, C8).
            let isCertain = access != .open || !agents.contains { $0.mayKnowMore }
            for key in keys { wanted[key] = isCertain ? .some(access) : nil }
            guard access == .open else { return }
            for host in hosts { mustStayShut[host.name]?.subtract(keys) }
        } catch let error as StoreError {
            guard controller.isUp else { return }
            guard error.code == .notFound || error.code == .conflict else { throw error }
        }
    }

    /// Whether every agent has told and heard everything.
    func isAtRest() async throws -> Bool {
        guard let store = controller.store else { return false }
        for agent in agents {
            guard let server = servers[agent.host.name] else { continue }
            let revision = try await store.desired(server: server, after: 0, digest: []).revision
            guard try await agent.isAtRest(revision) else { return false }
        }
        return true
    }

    /// Nobody who should be shut is open; who was opened again is as before.
    func checkAccess() async throws {
        let lost = try await controller.store?.lostKeys() ?? []
        for host in hosts {
            for device in host.devices {
                try checkStillShut(device, on: host)
                for (key, settings) in device.configuration {
                    guard case .some(.some(let access)) = wanted["\(key)"] else { continue }
                    let found = device.counter(key)?.settings
                    if access.isShut, let found, !found.addresses.isEmpty {
                        throw Violation("\(host.name): \(key) should be shut, and is open")
                    }
                    let isLost = mayBeLost(key, found, lost.contains("\(key)"), on: host)
                    if !access.isShut, !tampered.contains(key), !isLost, found != settings {
                        throw Violation(
                            "\(host.name): \(key) should be open as it was, and is "
                                + (found == nil ? "gone" : "another"))
                    }
                }
            }
        }
    }
}

extension World {
    /// Whether what restores a key may be lost: it was blocked while the disk was full, by an agent
    /// that then ended, which is said, not hidden; or shut by a ledger that was then put back from
    /// an older copy, which takes what it does not find for removed by somebody else.
    private func mayBeLost(
        _ key: Key, _ found: PeerSettings?, _ isTold: Bool, on host: TrueHost
    ) -> Bool {
        if isTold, faults.contains(.fullDisk), found?.addresses.isEmpty == true { return true }
        return (isTold || found == nil) && found?.addresses.isEmpty != false
            && agents.contains { $0.host === host && $0.unsaved.contains(key) }
    }
}

extension TrueHost {
    /// The most that a key may be charged beyond what is known of it.
    fileprivate func slack(of key: String) -> Traffic {
        let doubts = doubts.first { "\($0.key)" == key }?.value ?? []
        let doubt = Traffic(
            uplink: doubts.map(\.uplink).max() ?? 0, downlink: doubts.map(\.downlink).max() ?? 0)
        let slack = slack.first { "\($0.key)" == key }?.value ?? .zero
        return slack.adding(doubt) ?? slack
    }
}

extension World {
    private func checkStillShut(_ device: TrueDevice, on host: TrueHost) throws {
        for counter in device.counters where !counter.settings.addresses.isEmpty {
            guard mustStayShut[host.name]?.contains("\(counter.key)") != true else {
                throw Violation("\(host.name): \(counter.key) was opened by an old backup")
            }
        }
    }
}

extension Store {
    /// Keys whose agent has told that what restores them is lost.
    fileprivate func lostKeys() async throws -> Set<String> {
        try await database.read { session in
            let rows = try session.query(
                "SELECT key FROM credentials WHERE exception_code = 'needs_new_key'", [])
            return Set(rows.map { $0.text(0) })
        }
    }

    fileprivate func observed() async throws -> [Observed] {
        try await database.read { session in
            let rows = try session.query(
                """
                SELECT c.id, c.server, m.name, t.uplink, t.downlink, \
                (SELECT COALESCE(SUM(h.observed_uplink), 0) FROM meter_hours h \
                WHERE h.meter = m.id), \
                (SELECT COALESCE(SUM(h.observed_downlink), 0) FROM meter_hours h \
                WHERE h.meter = m.id) \
                FROM credentials c JOIN totals t ON t.credential = c.id \
                JOIN meters m ON m.id = c.meter WHERE c.client = 0 ORDER BY c.id
                """, [])
            return rows.map { row in
                Observed(
                    credential: row.integer(0), server: row.integer(1), meter: row.text(2),
                    total: Traffic(
                        uplink: UInt64(clamping: row.integer(3)),
                        downlink: UInt64(clamping: row.integer(4))),
                    hours: Traffic(
                        uplink: UInt64(clamping: row.integer(5)),
                        downlink: UInt64(clamping: row.integer(6))))
            }
        }
    }

    fileprivate func booked() async throws -> [Booked] {
        try await database.read { session in
            let rows = try session.query(
                """
                SELECT c.id, c.server, c.key, t.uplink, t.downlink, c.desired, \
                (SELECT COALESCE(SUM(h.uplink), 0) FROM usage_hours h WHERE h.credential = c.id), \
                (SELECT COALESCE(SUM(h.downlink), 0) FROM usage_hours h WHERE h.credential = c.id), \
                t.baseline_uplink, t.baseline_downlink, t.withheld_uplink, t.withheld_downlink, \
                c.recovery \
                FROM credentials c JOIN totals t ON t.credential = c.id \
                WHERE c.client <> 0 ORDER BY c.id
                """, [])
            return rows.map { row in
                Booked(
                    credential: row.integer(0), server: row.integer(1), key: row.text(2),
                    total: row.traffic(3), hours: row.traffic(6),
                    desired: Access(stored: row.integer(5)), waits: row.integer(12) == 1,
                    baseline: row.traffic(8), held: row.traffic(10))
            }
        }
    }
}
