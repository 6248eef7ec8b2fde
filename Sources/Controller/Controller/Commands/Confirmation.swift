import ArgumentParser

/// The question before something is done that cannot be undone.
struct Confirmation: ParsableArguments {
    @Flag(help: "Do not ask; needed where there is no terminal.")
    var yes = false

    /// Asks on a terminal; throws where the answer is not yes, or where nobody can be asked.
    func ask(_ question: String, in world: World) throws(CommandFailure) {
        if yes { return }
        guard world.isInputTerminal else {
            throw CommandFailure(
                .usage, "there is no terminal to ask on: add --yes. Nothing was changed")
        }
        world.err(SafeText.escape(question) + " [y/N] ")
        guard ["y", "yes"].contains(world.readLine()?.lowercased()) else {
            throw CommandFailure(.failed, "nothing was changed")
        }
    }
}
