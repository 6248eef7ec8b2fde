import ArgumentParser

/// A command that asks the controller.
protocol ControllerCommand: AsyncParsableCommand {
    /// Where the controller is and how to print.
    var common: CommonOptions { get }

    /// Does it; throws `CommandFailure` or `Refusal` for what has its own exit status.
    func perform(in world: World, through connection: Connection) async throws
}

extension ControllerCommand {
    func run() async throws {
        let status = await execute(in: .live)
        if status != 0 { throw ExitCode(status) }
    }

    /// Does the command and says what went wrong; answers the exit status.
    func execute(in world: World) async -> Int32 {
        do {
            try await perform(in: world, through: Connection(common, in: world))
            return 0
        } catch let failure as CommandFailure {
            if let message = failure.message { world.complain(message) }
            return failure.status.rawValue
        } catch let refusal as Refusal {
            if common.json { world.out(refusal.answer.line) }
            world.complain(refusal.message)
            return refusal.status.rawValue
        } catch {
            world.complain("\(error)")
            return CommandFailure.Status.failed.rawValue
        }
    }
}
