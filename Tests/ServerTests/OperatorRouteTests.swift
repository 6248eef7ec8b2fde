import API
import Foundation
import HTTPClient
import HTTPTypes
import Testing

@testable import Server

@Suite struct OperatorRouteTests {
    /// Every operator's call with the least scope that opens it.
    static let calls: [(String, String, TokenScope)] = [
        ("GET", "/api/servers", .read), ("GET", "/api/servers/1", .read),
        ("GET", "/api/servers/1/clients", .read), ("GET", "/api/clients", .read),
        ("GET", "/api/clients/1", .read), ("GET", "/api/credentials", .read),
        ("GET", "/api/servers/1/drift", .read), ("GET", "/api/stats", .read),
        ("GET", "/api/ports", .read), ("GET", "/api/stats/iptables", .read),
        ("POST", "/api/servers/1/ports?wait=0", .operate),
        ("PATCH", "/api/servers/1/ports/8443?wait=0", .operate),
        ("DELETE", "/api/servers/1/ports/8443?wait=0", .operate),
        ("POST", "/api/servers/1/ports/8443/shut?wait=0", .operate),
        ("POST", "/api/servers/1/ports/8443/open?wait=0", .operate),
        ("PATCH", "/api/clients/1", .operate),
        ("POST", "/api/clients/1/revoke?wait=0", .operate),
        ("POST", "/api/clients/1/restore?wait=0", .operate),
        ("POST", "/api/servers/1/sync-stats?wait=0", .operate),
        ("POST", "/servers/1/sync-stats?wait=0", .operate),
        ("POST", "/api/clients/1/sync-stats?wait=0", .operate),
        ("POST", "/clients/1/sync-stats?wait=0", .operate),
        ("DELETE", "/api/clients/1?wait=0", .operate),
        ("GET", "/api/tokens", .admin), ("POST", "/api/tokens", .admin),
        ("DELETE", "/api/tokens/99", .admin), ("POST", "/api/servers", .admin),
        ("PATCH", "/api/servers/1", .admin), ("POST", "/api/servers/1/token", .admin),
        ("DELETE", "/api/servers/1", .admin),
    ]

    @Test func theListOfCallsIsWhole() async throws {
        // A path that is not in the list would be missed by the matrix below.
        let listed = Set(
            Self.calls.map { method, path, _ in
                "\(method) \(path.prefix { $0 != "?" })"
                    .replacing(/\/(1|99)(?=\/|$)/, with: "/:id")
                    .replacing(/\/8443(?=\/|$)/, with: "/:port")
            })
        let routes = try await TestRoutes.all.filter { $0.entrance != .anybody }
        #expect(listed == Set(routes.map { "\($0.method.rawValue) \($0.path)" }))
    }

    @Test func everyCallNeedsItsScope() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            _ = try await agent.tell([publicKey(1)])
            var tokens: [TokenScope: String] = [:]
            for scope in TokenScope.allCases { tokens[scope] = try await controller.token(scope) }
            for (method, path, needed) in Self.calls {
                let none = try await controller.callRemote(method, path)
                #expect(none.status == 401, "\(method) \(path)")
                #expect(none.header("WWW-Authenticate") == "Bearer")
                let wrong = try await controller.callRemote(
                    method, path, headers: [("Authorization", "Bearer tka.nonsense")])
                #expect(wrong.status == 401)
                for scope in TokenScope.allCases {
                    let response = try await controller.callRemote(
                        method, path,
                        headers: [("Authorization", "Bearer \(tokens[scope] ?? "")")])
                    let isIn = response.status != 401 && response.status != 403
                    #expect(isIn == (scope >= needed), "\(scope) \(method) \(path)")
                }
            }
        }
    }

    @Test func aDeletedTokenOpensNothing() async throws {
        try await RunningController.run { controller in
            let token = try await controller.token(.read)
            // The scheme's case does not matter.
            let headers = [("Authorization", "bearer \(token)")]
            #expect(
                try await controller.callRemote("GET", "/api/stats", headers: headers).status == 200
            )
            let list = try await controller.call("GET", "/api/tokens", as: TokenList.self)
            #expect(list.tokens.map(\.scope) == [.read])
            #expect(list.tokens[0].lastUsedAt != nil)
            #expect(
                try await controller.call("DELETE", "/api/tokens/\(list.tokens[0].id)").status
                    == 200)
            #expect(
                try await controller.callRemote("GET", "/api/stats", headers: headers).status == 401
            )
        }
    }

    @Test(arguments: [
        ("POST", "/api/servers", #"{"name": "a", "colour": 1}"#, "colour"),
        ("POST", "/api/servers", #"{}"#, "name"), ("POST", "/api/servers", #"{"name": 5}"#, "name"),
        ("POST", "/api/servers", #"{"name": "root@10.0.0.1"}"#, "name"),
        ("POST", "/api/servers", #"{"name": "a b"}"#, "name"),
        ("POST", "/api/servers", #"{"name": "a", "ttl_seconds": "soon"}"#, "ttl_seconds"),
        ("POST", "/api/servers", #"{"name": "a", "ttl_seconds": 5}"#, "ttl_seconds"),
        ("POST", "/api/servers", #"{"name": "a", "reusable": 1}"#, "reusable"),
        ("POST", "/api/servers", #"{"name": ["a"]}"#, "name"),
        ("POST", "/api/servers", #"["a"]"#, "the body"), ("POST", "/api/servers", "{", "the body"),
        ("POST", "/api/tokens", #"{"scope": "root"}"#, "scope"),
        ("POST", "/api/tokens", #"{"name": "a"}"#, "scope"),
        ("POST", "/api/clients/1/revoke", #"{"force": true}"#, "force"),
        ("POST", "/api/clients/1/revoke?wait=61", "{}", "wait"),
        ("POST", "/api/clients/1/revoke?wait=x", "{}", "wait"),
        ("POST", "/api/clients/1/revoke?server_id=0", "{}", "server_id"),
        ("PATCH", "/api/clients/1", #"{"status": "active"}"#, "status"),
        ("GET", "/api/clients?limit=0", "", "limit"),
        ("GET", "/api/clients?limit=1001", "", "limit"),
        ("GET", "/api/clients?sort=age", "", "sort"),
        ("GET", "/api/clients?cursor=!", "", "cursor"),
        ("GET", "/api/clients?status=fine", "", "status"),
        ("GET", "/api/clients?nam=x", "", "nam"), ("GET", "/api/servers?sort=name", "", "sort"),
    ])
    func badInputIsRefusedByName(
        method: String, path: String, body: String, field: String
    ) async throws {
        try await RunningController.run { controller in
            let response = try await controller.call(method, path, json: body.isEmpty ? nil : body)
            #expect(response.status == 400)
            #expect(
                response.failure?.message.hasPrefix(field) == true, "\(response.failure as Any)")
            #expect(response.failure?.success == false)
            let servers = try await controller.call("GET", "/api/servers", as: ServerList.self)
            #expect(servers.servers.isEmpty)
        }
    }

    @Test func formsAreReadLikeJSON() async throws {
        try await RunningController.run { controller in
            func post(_ form: String, type: String = "application/x-www-form-urlencoded")
                async throws -> HTTPClient.HTTPResponse
            {
                try await controller.local.send(
                    HTTPClient.HTTPRequest(
                        "POST", "http://localhost/api/servers",
                        headers: [HTTPField("Content-Type", type)], body: Array(form.utf8)))
            }
            let added = try await post("name=vpn%2D1&reusable=true&ttl_seconds=3600")
            #expect(added.status == 201)
            #expect(try added.json(ServerJoin.self).server.name == "vpn-1")
            for (form, field) in [
                ("name=a&name=b", "name"), ("name=%zz", "the form"), ("name=a&x=1", "x"),
                ("name=a&ttl_seconds=x", "ttl_seconds"), ("name=a&reusable=maybe", "reusable"),
            ] {
                let response = try await post(form)
                #expect(response.status == 400, "\(form)")
                #expect(response.failure?.message.hasPrefix(field) == true)
            }
            #expect(try await post("name: a", type: "text/yaml").status == 415)
        }
    }

    @Test(arguments: [
        ("GET", "/", 404), ("GET", "/api", 404), ("GET", "/api/clients/5", 404),
        ("GET", "/api/clients/x", 404), ("GET", "/api/clients/-1", 404),
        ("GET", "/api/servers/5/clients", 404), ("GET", "/api/stats?server_id=5", 404),
        ("POST", "/api/servers/5/token", 404), ("PUT", "/api/clients", 405),
        ("DELETE", "/api/servers", 405), ("POST", "/healthz", 405),
        ("OPTIONS", "/api/clients", 405),
        ("PATCH", "/api/clients/1/revoke", 405),
    ])
    func wrongPathsAndMethodsAreToldApart(method: String, path: String, status: Int) async throws {
        try await RunningController.run { controller in
            let response = try await controller.call(method, path)
            #expect(response.status == status)
            let failure = try #require(response.failure)
            #expect(failure.error.code == (status == 404 ? "not_found" : "method_not_allowed"))
            #expect(response.header("Content-Type")?.hasPrefix("application/json") == true)
        }
    }

    @Test func aServersLifeInCalls() async throws {
        try await RunningController.run { controller in
            let added = try await controller.call(
                "POST", "/api/servers", json: #"{"name": "vpn1"}"#, as: ServerJoin.self)
            #expect(added.token.hasPrefix("tk1.") && added.token.hasSuffix("."))
            #expect(added.url == controller.url)
            #expect(added.command == "tollkeeper-agent join \(controller.url)")
            #expect(added.server.state == .waiting)
            let again = try await controller.call(
                "POST", "/api/servers", json: #"{"name": "vpn1"}"#)
            #expect(again.status == 409)
            let renamed = try await controller.call(
                "PATCH", "/api/servers/1", json: #"{"name": "vpn2"}"#, as: ServerAnswer.self)
            #expect(renamed.server.name == "vpn2")
            let named = try await controller.call(
                "GET", "/api/servers?name=vpn2", as: ServerList.self)
            #expect(named.servers.map(\.id) == [1])
            let missing = try await controller.call(
                "GET", "/api/servers?name=vpn1", as: ServerList.self)
            #expect(missing.servers.isEmpty)
            #expect(try await controller.call("DELETE", "/api/servers/1").status == 200)
            #expect(try await controller.call("DELETE", "/api/servers/1").status == 404)
        }
    }

    @Test func pagesOfClientsMeet() async throws {
        try await RunningController.run { controller in
            let agent = try await TestAgent.join(controller)
            let names = ["e", "d", "c", "b", "a", "a"]
            _ = try await agent.tell((1...6).map { publicKey($0) }, names: names)
            for (sort, expected) in [
                ("id", names), ("-id", names.reversed()), ("name", names.sorted()),
                ("-name", names.sorted().reversed()),
            ] {
                var (seen, cursor): ([String], String?) = ([], nil)
                repeat {
                    let next = cursor.map { "&cursor=\($0)" } ?? ""
                    let page = try await controller.call(
                        "GET", "/api/clients?limit=4&sort=\(sort)\(next)", as: ClientList.self)
                    seen += page.clients.map(\.name)
                    cursor = page.nextCursor
                } while cursor != nil && seen.count < 20
                #expect(seen == expected)
            }
            let server = try await controller.call(
                "GET", "/api/servers/1/clients?name=a", as: ClientList.self)
            #expect(server.clients.map(\.id) == [5, 6])
            let changed = try await controller.call(
                "PATCH", "/api/clients/5", json: #"{"name": "z", "note": "n"}"#,
                as: ClientAnswer.self)
            #expect(changed.client.name == "z" && changed.client.note == "n")
            let credentials = try await controller.call(
                "GET", "/api/credentials?limit=4", as: CredentialList.self)
            let cursor = try #require(credentials.nextCursor)
            let rest = try await controller.call(
                "GET", "/api/credentials?cursor=\(cursor)&server_id=1", as: CredentialList.self)
            #expect((credentials.credentials + rest.credentials).map(\.id) == Array(1...6))
            #expect(rest.nextCursor == nil)
        }
    }

    @Test func healthIsOpenToAnybody() async throws {
        try await RunningController.run { controller in
            for (path, status) in [("/healthz", "ok"), ("/readyz", "ready")] {
                let response = try await controller.callRemote("GET", path)
                #expect(response.status == 200)
                #expect(try response.json(Health.self).status == status)
                #expect(try await controller.callRemote("HEAD", path).status == 200)
            }
        }
    }
}
