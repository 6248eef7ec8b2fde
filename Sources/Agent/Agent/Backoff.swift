/// How long to wait after failures: twice as long after each, up to a limit, with jitter so that
/// a fleet does not come back in step.
struct Backoff: Sendable {
    let first: Duration
    let longest: Duration
    private(set) var failures = 0

    init(first: Duration = .milliseconds(500), longest: Duration = .seconds(60)) {
        self.first = first
        self.longest = longest
    }

    /// Notes a success: the next failure waits shortly again.
    mutating func succeeded() {
        failures = 0
    }

    /// Notes a failure and returns how long to wait: between half and the whole of the step.
    mutating func failed(random: inout some RandomNumberGenerator) -> Duration {
        let step = min(longest, first * (1 << min(failures, 16)))
        failures += 1
        return step * Double.random(in: 0.5...1, using: &random)
    }
}
