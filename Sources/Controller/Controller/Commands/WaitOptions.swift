import ArgumentParser
import Settings

/// How long a change of access may take before the command gives up watching it.
struct WaitOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How long to wait until it is enforced.", valueName: "TIME"))
    var wait = Span(duration: .seconds(10))

    @Flag(help: "Return as soon as it is saved.")
    var noWait = false

    func validate() throws {
        guard wait.duration <= .seconds(60) else {
            throw ValidationError("--wait is at most 60s.")
        }
    }

    /// Whole seconds, rounded up.
    var seconds: Int { noWait ? 0 : wait.seconds }
}

/// A time as an argument: `10s`, `2m`, `24h`.
struct Span: ExpressibleByArgument, Hashable {
    let duration: Duration

    init(duration: Duration) { self.duration = duration }

    init?(argument: String) {
        guard let duration = Quantity.duration(argument) else { return nil }
        self.duration = duration
    }

    var defaultValueDescription: String { Quantity.text(of: duration) }

    /// Whole seconds, rounded up.
    var seconds: Int {
        let (whole, attoseconds) = duration.components
        return Int(whole) + (attoseconds > 0 ? 1 : 0)
    }
}
