import HTTPTypes
import API
import HummingbirdCore
import Store

extension Backend {
    /// The calls about credentials.
    var credentialRoutes: [Route] {
        [
            Route(.get, "/api/credentials", .operator(.read)) { request, _ in
                let query = try Query(
                    request, allowing: "limit", "cursor", "server_id", "client_id", "key")
                let limit = try query.limit()
                let after = try query.text("cursor").map { try Cursor($0).id } ?? 0
                let found = try await store.credentials(
                    server: try query.id("server_id"), client: try query.id("client_id"),
                    key: query.text("key"), after: after, limit: limit + 1)
                let page = found.prefix(limit)
                let next = found.count > limit ? page.last.map { Cursor(id: $0.id).text } : nil
                return try .json(
                    CredentialList(
                        credentials: page.map { CredentialInfo($0) }, nextCursor: next))
            }
        ]
    }
}
