import Accounting
import AgentProtocol
import ArgumentParser
import FoundationEssentials
import Glibc
import HTTPClient

struct JoinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join", abstract: "Join this host to a controller.",
        discussion: """
            The token of `tollkeeper server add` comes from --token-file, from standard input, or \
            from the environment variable TOLLKEEPER_AGENT_TOKEN; never from the command line, \
            which everybody on the host can read.
            """)

    @Argument(help: "The controller's address, such as https://203.0.113.5:8440.")
    var url: String

    @Option(
        name: .customLong("token-file"),
        help: ArgumentHelp("A file that holds the token; - is standard input.", valueName: "file"))
    var tokenFile: String?

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let options = try place.load()
        let url = try ControllerURL.check(url)
        let token = try JoinToken(try readToken())
        try Files.makeFolder(options.stateFolder)
        let join = Join(folder: options.stateFolder, url: url, token: token, options: options)
        let identity = try await join.run()
        print("Joined \(url) as server \(identity.server), \(identity.name).")
        print("Start the agent now: systemctl restart tollkeeper-agent (or tollkeeper-agent run).")
    }

    private func readToken() throws -> String {
        let text: String
        if let tokenFile, tokenFile != "-" {
            guard let bytes = try Files.read(tokenFile) else {
                throw AgentError(doing: "read the token", reason: "there is no file \(tokenFile)")
            }
            text = String(decoding: bytes, as: UTF8.self)
        } else if tokenFile == nil, let variable = getenv("TOLLKEEPER_AGENT_TOKEN") {
            text = String(cString: variable)
        } else {
            if isatty(STDIN_FILENO) == 1 { print("Paste the token:") }
            text = readLine() ?? ""
        }
        return String(text.filter { !$0.isWhitespace })
    }
}

/// Checks the controller's address.
enum ControllerURL {
    /// The address without a slash at its end; `http` is for this host alone.
    static func check(_ text: String) throws -> String {
        let doing = "use \(text) as the controller's address"
        var url = text
        while url.hasSuffix("/") { url.removeLast() }
        guard let mark = url.firstRange(of: "://") else {
            throw AgentError(doing: doing, reason: "it must begin with https://")
        }
        let host = url[mark.upperBound...]
        let isPlain = host.utf8.allSatisfy { (0x21...0x7e).contains($0) }
        guard !host.isEmpty, isPlain, !host.contains(where: { "/?#@\\".contains($0) }) else {
            throw AgentError(
                doing: doing, reason: "write it as https://HOST:PORT, without a path or a name")
        }
        switch url[..<mark.lowerBound] {
        case "https": return url
        case "http":
            guard isLoopback(host) else {
                throw AgentError(
                    doing: doing, reason: "http:// is for this host's own addresses; use https://")
            }
            return url
        default: throw AgentError(doing: doing, reason: "it must begin with https://")
        }
    }

    /// Whether `host`, with or without a port, can only be this host: no name that begins like it.
    private static func isLoopback(_ host: Substring) -> Bool {
        let name = host.hasPrefix("[::1]") ? host.prefix(5) : host.prefix { $0 != ":" }
        let port = host.dropFirst(name.count)
        guard port.isEmpty || port.first == ":" && UInt16(port.dropFirst()) != nil else {
            return false
        }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        let isIPv4 = parts.count == 4 && parts.allSatisfy { UInt8($0) != nil } && parts[0] == "127"
        return isIPv4 || name == "localhost" || name == "[::1]"
    }
}

/// One join: the secret is made and stored first, so that the same request can be sent again when
/// its answer is lost.
struct Join {
    let folder: String
    let url: String
    let token: JoinToken
    let options: AgentOptions

    func run() async throws -> Identity {
        var identity = try pending()
        let answer = try await ask(identity)
        identity.server = answer.server
        identity.name = answer.name
        try identity.save(to: Identity.path(in: folder))
        unlink(Identity.pendingPath(in: folder))
        return identity
    }

    /// The identity of an earlier try with this token, or a new one, stored before it is used.
    private func pending() throws -> Identity {
        let digest = Hexadecimal.encode(Digest.sha256(Array(token.text.utf8)))
        for path in [Identity.pendingPath(in: folder), Identity.path(in: folder)] {
            guard var known = try Identity.load(path), known.tokenDigest == digest else { continue }
            known.controllers = [url]
            return known
        }
        let identity = Identity(
            server: 0, name: "", controllers: [url], pins: token.pin.map { [$0] } ?? [],
            secret: Base64URL.encode(RandomBytes.make(32)),
            ledger: Hexadecimal.encode(RandomBytes.make(16)), tokenDigest: digest)
        try identity.save(to: Identity.pendingPath(in: folder))
        return identity
    }

    private func ask(_ identity: Identity) async throws -> WireJoinAnswer {
        let pins = url.hasPrefix("https") ? identity.pins : []
        let transport = try ControllerLink.transport(pins: pins, proxy: options.proxy)
        var message = WireJoinRequest()
        message.token = token.text
        message.secretHash = .init(Digest.sha256(Base64URL.decode(identity.secret) ?? []))
        message.ledger = .init(Hexadecimal.decode(identity.ledger) ?? [])
        message.host = HostFacts.message(options)
        let request = HTTPRequest(
            "POST", "\(url)/agent/v1/join",
            headers: [HTTPField("Content-Type", "application/x-protobuf")],
            body: try message.encoded())
        let response = try await transport.send(request)
        guard response.status == 200 else {
            throw AgentError(
                doing: "join \(url)",
                reason: Refusal(status: response.status, body: response.body).description)
        }
        return try WireJoinAnswer(decoding: response.body)
    }
}
