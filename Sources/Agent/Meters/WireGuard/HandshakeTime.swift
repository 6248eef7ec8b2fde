/// The time of a handshake as WireGuard tells it, in seconds and nanoseconds since 1970.
enum HandshakeTime {
    /// Whole seconds since 1970; 0 means never, and nothing else.
    ///
    /// A host without a battery for its clock starts in 1970. A handshake in that first second has
    /// no whole seconds, but nanoseconds; it counts as the next second, since a time that went
    /// back to "never" proves that the peer was added anew.
    static func seconds(_ seconds: Int64, nanoseconds: Int64) -> Int64 {
        seconds == 0 && nanoseconds > 0 ? 1 : seconds
    }
}
