import Accounting

extension World {
    /// The controller's operator makes a backup, or puts the last one back.
    func backUp() async throws {
        guard controller.isUp, !isControllerAway else { return }
        if suffers(.controllerRestore, 15) {
            note("the controller is backed up")
            try controller.backUp()
        }
        guard controller.hasBackup, suffers(.controllerRestore, 15) else { return }
        note("the controller is put back from its backup")
        try await rememberShuts()
        try await controller.putBack()
        // What was booked and asked for since is not known there any more.
        seenTotals = [:]
        wanted = [:]
        for agent in agents { (agent.mayBeRefused, agent.mayKnowMore) = (true, true) }
        // It may have been made before a ledger was closed, and that one be heard again.
        closedLedgers = []
        hasRestoredController = true
        for host in hosts { host.forgiveLosses() }
    }

    /// Nobody whom an agent keeps out may be opened by a controller that knows less.
    private func rememberShuts() async throws {
        for agent in agents {
            guard let shut = await agent.shutKeys() else { continue }
            for key in shut.values.flatMap({ $0 }) {
                mustStayShut[agent.host.name, default: []].insert("\(key)")
            }
        }
    }
}
