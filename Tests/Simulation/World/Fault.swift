/// What can go wrong. Each seed has some of them, so that rare ones meet each other and common
/// ones do not hide them.
enum Fault: String, CaseIterable, Comparable {
    /// The agent dies at a step of its own.
    case agentCrash
    /// The controller dies at a step of its own.
    case controllerCrash
    /// The host loses its power: what was not synced is lost, and the kernel begins anew.
    case powerCut
    /// The controller's machine loses its power.
    case controllerPowerCut
    /// Requests and answers are lost.
    case loss
    /// Requests come twice.
    case repetition
    /// Requests come again much later, in another order; nobody waits for their answers.
    case delay
    /// The controller is away for a while.
    case outage
    /// The host's disk is full for a while.
    case fullDisk
    /// A meter cannot be read for a while.
    case brokenMeter
    /// A peer is removed and added again.
    case peerRestart
    /// A peer that was restarted has counted more than before when it is read again.
    case overtaking
    /// All of an interface's peers are set anew (`wg setconf`).
    case reset
    /// Another program sets a meter's counters back to zero, again and again.
    case contest
    /// A configuration is brought back (`wg syncconf`), whatever the agent did to it.
    case syncconf
    /// Peers are removed for good, and come back much later.
    case vanishing
    /// New peers appear.
    case newPeers
    /// An interface is deleted and made again: a new index.
    case deviceRestart
    /// A container starts again: a new namespace, the same name and index.
    case containerRestart
    /// The host is restarted in order.
    case reboot
    /// The host's wall clock jumps, ahead or back.
    case clockJump
    /// Things happen between a reading and the one that is to confirm it.
    case busyReading
    /// Operators shut, open and delete clients.
    case access
    /// The controller is put back from an old backup.
    case controllerRestore
    /// A host loses its ledger and joins anew.
    case ledgerWiped
    /// A host's ledger is put back from an older copy.
    case ledgerRolledBack
    /// A host is cloned with its ledger, and both run.
    case ledgerCloned
    /// What waits to be sent may take little room.
    case smallSpool
    /// A meter has several counters for each key.
    case severalCounters

    static func < (one: Fault, other: Fault) -> Bool { one.rawValue < other.rawValue }
}
