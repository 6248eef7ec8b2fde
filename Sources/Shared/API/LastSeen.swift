/// How long ago a client was seen, in the words that the API uses.
public enum LastSeen: String, Codable, Hashable, Sendable {
    /// A handshake or traffic under 5 minutes ago.
    case online = "Online"
    /// Under an hour ago.
    case recently = "Recently seen"
    /// An hour ago or longer.
    case offline = "Offline"
    /// Never.
    case never = "Never connected"

    /// Seconds within which a client counts as online, unless its interface rekeys less often.
    public static let onlineWindow: Int64 = 300

    /// Judges the later of a handshake and traffic at `now`; nil stands for never.
    ///
    /// What lies ahead of `now` by a clock's error counts as just now. `window` is in seconds.
    public init(
        handshake: Timestamp?, traffic: Timestamp?, now: Timestamp, window: Int64 = onlineWindow
    ) {
        guard let seen = [handshake, traffic].compactMap({ $0 }).max() else {
            self = .never
            return
        }
        switch now.seconds - seen.seconds {
        case ..<window: self = .online
        case ..<max(window, 3600): self = .recently
        default: self = .offline
        }
    }
}
