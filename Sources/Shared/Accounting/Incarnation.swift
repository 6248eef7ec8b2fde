/// A token that is never reused and changes whenever the counters of a source restart.
///
/// It is made of exact facts only (boot id, namespace cookie, ifindex, process start ticks),
/// never of a rounded or wall-clock time.
public struct Incarnation: Hashable, Sendable {
    /// The token as text.
    public let token: String

    /// Takes a token as it was stored or received.
    public init(token: String) {
        self.token = token
    }

    /// A kernel network device: the boot, its namespace's `SO_NETNS_COOKIE`, and its index.
    public static func kernelDevice(
        boot: BootID, namespaceCookie: UInt64, index: UInt32
    ) -> Incarnation {
        Incarnation(token: "kernel:\(boot):\(namespaceCookie):\(index)")
    }

    /// A process (userspace device or proxy): the boot, its pid, and the start ticks of
    /// `/proc/PID/stat`, field 22.
    public static func process(
        boot: BootID, pid: Int32, startTicks: UInt64, device: String
    ) -> Incarnation {
        Incarnation(token: "process:\(boot):\(pid):\(startTicks):\(device)")
    }
}
