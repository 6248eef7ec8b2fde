import Accounting
import HTTPClient

@testable import Agent

/// Everything that one seed makes: hosts, their agents, the network and the controller, and how
/// they go wrong.
///
/// Unchecked: the simulation does one thing at a time, on one task and on the keepers' thread, and
/// each waits for the other.
final class World: @unchecked Sendable {
    static let second: Int64 = 1_000_000_000

    var chance: Chance
    let folder: String
    let executor: ThreadExecutor
    /// The true time, nanoseconds since 1970.
    private(set) var now: Int64 = 1_762_431_300 * second
    var controllerNow: Int64 { now }
    private(set) var faults: Set<Fault> = []
    /// Whether nothing goes wrong any more.
    private(set) var isCalm = false
    var hosts: [TrueHost] = []
    var agents: [AgentSide] = []
    var servers: [String: Int64] = [:]
    private(set) var controller: ControllerSide!
    /// What must not be and was seen where nothing could be thrown.
    var violation: Violation?
    /// Requests on a long way.
    var delayed: [HTTPRequest] = []
    /// The ledgers that the controller has closed, as calls name them.
    var closedLedgers: Set<String> = []
    /// How deep calls stand within calls.
    var depth = 0
    /// What operators were told is so, by key; nil in between: an answer was lost.
    var wanted: [String: Access?] = [:]
    /// Keys that hosts keep out whatever an older controller says, until an operator opens them.
    var mustStayShut: [String: Set<String>] = [:]
    var clones: [AgentSide] = []
    /// What clones count: nobody vouches for it.
    var cloneKeys: Set<String> = []
    /// Keys that somebody else removed: Tollkeeper does not bring them back.
    var tampered: Set<Key> = []
    /// The highest totals seen at the controller.
    var seenTotals: [Int64: Traffic] = [:]
    var isControllerAway = false
    /// How often a spool was found that took more than it may.
    var fullSpools = 0
    /// Whether the controller was ever put back from a backup.
    var hasRestoredController = false
    /// How many requests of closed ledgers came late and were refused.
    var lateRefusals = 0
    /// How many clones were made.
    var cloneCount = 0
    /// Keys whose restart was overtaken and could not be proven: charged less, and shown.
    var unprovenKeys = 0
    private(set) var notes: [String] = []
    let tells: Bool

    init(seed: UInt64, folder: String, executor: ThreadExecutor, tells: Bool) throws {
        chance = Chance(seed: seed)
        self.folder = folder
        self.executor = executor
        self.tells = tells
        controller = try ControllerSide(world: self)
    }

    /// Chooses what goes wrong with this seed.
    func chooseFaults(from allowed: [Fault]) {
        // Most seeds have about half of everything; some have nearly all, some hardly any.
        let share = [150, 500, 500, 900][chance.below(4)]
        faults = Set(allowed.sorted().filter { _ in chance.happens(share) })
        // A controller that has lost batches takes an older ledger for the one that goes on.
        if faults.contains(.controllerRestore) {
            faults.subtract([.ledgerRolledBack, .ledgerCloned])
        }
        note("faults: \(faults.sorted().map(\.rawValue).joined(separator: " "))")
    }

    /// Lets go of the programs, which hold the world: their files are closed.
    func end() {
        (agents, clones, controller) = ([], [], nil)
    }

    func calmDown() {
        isCalm = true
        isControllerAway = false
        endClones()
        for host in hosts { for device in host.devices { device.isBroken = false } }
        for agent in agents {
            agent.disk.life.isDiskFull = false
            agent.disk.life.crash(after: nil)
        }
        controller.disk.life.crash(after: nil)
    }

    func pass(seconds: Int) {
        now += Int64(seconds) * Self.second + Int64(chance.below(1_000_000_000))
    }

    /// Whether `fault` happens now, with a chance in thousandths.
    func suffers(_ fault: Fault, _ thousandths: Int) -> Bool {
        !isCalm && faults.contains(fault) && chance.happens(thousandths)
    }

    func note(_ text: @autoclosure () -> String) {
        let line = text()
        if tells { print(line) }
        notes.append(line)
        if notes.count > 400 { notes.removeFirst() }
    }

    /// How many more steps a program has that starts now; nil: as many as it likes.
    func crashStep(_ fault: Fault) -> Int? {
        suffers(fault, 300) ? chance.below(120) : nil
    }
}
