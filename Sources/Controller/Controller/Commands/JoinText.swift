import API

/// What to paste on a host so that its agent joins.
///
/// The token goes to the agent's standard input: arguments can be read by everybody on a host.
struct JoinText {
    private let join: ServerJoin
    private let isReusable: Bool
    private let isKnown: Bool

    /// `isKnown` says that the server existed before.
    init(_ join: ServerJoin, isReusable: Bool, isKnown: Bool) {
        self.join = join
        self.isReusable = isReusable
        self.isKnown = isKnown
    }

    var text: String {
        let uses = isReusable ? "any number of hosts" : "one host"
        return """
            \(heading)

            \(command)

            The token is for \(uses), until \(join.expiresAt).

            """
    }

    private var heading: String {
        let server = "Server \(SafeText.escape(join.server.name)) (id:\(join.server.id))"
        guard isKnown else { return "\(server) may join. Run this on it, as root:" }
        return """
            \(server) exists: the \(isReusable ? "first host that" : "host which") joins with this \
            token takes its place and keeps its history; its former agent is let in no more. \
            Run this on the host, as root:
            """
    }

    /// The command with its token in a here-document.
    var command: String {
        """
        \(SafeText.escape(join.command)) <<'TOKEN'
        \(SafeText.escape(join.token))
        TOKEN
        """
    }
}
