import HTTPTypes
import API
import Hummingbird
import HummingbirdCore
import Store

extension Backend {
    /// The calls about API tokens.
    var tokenRoutes: [Route] {
        [
            Route(.get, "/api/tokens", .operator(.admin)) { request, _ in
                _ = try Query(request)
                return try .json(
                    TokenList(tokens: try await store.tokens().map { TokenInfo($0) }))
            },
            Route(.post, "/api/tokens", .operator(.admin)) { request, _ in
                try await createToken(request)
            },
            Route(.delete, "/api/tokens/:id", .operator(.admin)) { request, context in
                try await Bodies.fields(request).allow()
                try await store.removeToken(try context.id())
                return try .json(DoneAnswer(message: "Token deleted"))
            },
        ]
    }

    private func createToken(_ request: Request) async throws -> Response {
        let fields = try await Bodies.fields(request)
        try fields.allow("name", "scope")
        guard let scope = TokenScope(rawValue: try fields.requiredText("scope")) else {
            let known = TokenScope.allCases.map(\.rawValue).joined(separator: ", ")
            throw Refusal.invalid("scope: one of \(known) is expected")
        }
        let text = OperatorGate.prefix + Base64URL.encode(Secret.random())
        let record = try await store.addToken(
            hash: OperatorGate.hash(text), name: try fields.text("name") ?? scope.rawValue,
            scope: scope.rawValue, now: now)
        return try .json(TokenAnswer(token: text, info: TokenInfo(record)), status: .created)
    }
}

extension TokenInfo {
    /// A token as the API shows it.
    fileprivate init(_ record: TokenRecord) {
        self.init(
            id: record.id, name: record.name, scope: TokenScope(rawValue: record.scope) ?? .read,
            createdAt: Timestamp(nanoseconds: record.createdAt),
            lastUsedAt: Timestamp(stored: record.lastUsedAt))
    }
}
