import Glibc
import Logging
import Store

/// What every route works with.
struct Backend: Sendable {
    let store: Store
    let logger: Logger
    /// Where agents reach this controller.
    let address: PublicAddress
    /// Woken when a server's desired state or reading ticket has changed.
    let desired = Hub()
    /// Woken when a server's agent has reported outcomes.
    let outcomes = Hub()
    /// Woken when a server's push was booked.
    let pushes = Hub()
    let links = Links()
    let told = Told()
    let departures = Departures()

    /// Ends every waiting request, now and from now on.
    func stopWaiting() {
        for hub in [desired, outcomes, pushes] { hub.close() }
    }

    /// The controller's clock: nanoseconds since 1970.
    var now: Int64 { Backend.wallClock() }

    static func wallClock() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
