import API
import AgentProtocol
import HTTPTypes
import HummingbirdCore
import Store

/// Lets operators in: by an API token of sufficient scope, or over the local socket.
struct OperatorGate {
    let backend: Backend

    /// The prefix of API tokens, so that a leaked one is recognised.
    static let prefix = "tka."

    /// Throws 401 without a token that is known and 403 for one that may not do this.
    func pass(_ request: Request, _ context: AppContext, _ entrance: Entrance) async throws {
        guard case .operator(let needed) = entrance, !context.isLocal else { return }
        let token = try await token(request)
        guard let scope = TokenScope(rawValue: token.scope), scope >= needed else {
            throw Refusal(
                .forbidden, "scope",
                """
                this call needs a token of the scope \(needed.rawValue), and this one has \
                \(token.scope)
                """)
        }
        let now = backend.now
        if now - token.lastUsedAt > 60_000_000_000 {
            try await noteUse(of: token, now: now)
        }
    }

    /// The SHA-256 that a token's text is kept as.
    static func hash(_ text: some StringProtocol) -> [UInt8] {
        Digest.sha256(Array(text.utf8))
    }

    /// A full disk keeps no operator out.
    private func noteUse(of token: TokenRecord, now: Int64) async throws {
        do {
            try await backend.store.noteUse(ofToken: token.id, now: now)
        } catch let error as StoreError where error.code == .unavailable {}
    }

    private func token(_ request: Request) async throws -> TokenRecord {
        guard let text = request.bearer else {
            throw Self.refusal("send Authorization: Bearer TOKEN, with a token of `token create`")
        }
        let token = try await backend.store.token(hash: Self.hash(text))
        guard let token else { throw Self.refusal("this token is not known: make a new one") }
        return token
    }

    private static func refusal(_ message: String) -> Refusal {
        var refusal = Refusal(.unauthorized, "unauthorized", message)
        refusal.headers[.wwwAuthenticate] = "Bearer"
        return refusal
    }
}
