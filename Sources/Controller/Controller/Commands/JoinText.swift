import API

/// What to paste on a host so that its agent joins.
///
/// The token goes to the agent's standard input: arguments can be read by everybody on a host.
struct JoinText {
    private let join: ServerJoin
    private let isReusable: Bool

    init(_ join: ServerJoin, isReusable: Bool) {
        self.join = join
        self.isReusable = isReusable
    }

    var text: String {
        let uses = isReusable ? "any number of hosts" : "one host"
        return """
            Server \(SafeText.escape(join.server.name)) (id:\(join.server.id)) may join. \
            Run this on it, as root:

            \(command)

            The token is for \(uses), until \(join.expiresAt).

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
