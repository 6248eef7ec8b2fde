import API
import Accounting
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Store

extension Backend {
    /// The calls about ports.
    var portRoutes: [Route] {
        portReadRoutes + [
            Route(.post, "/api/servers/:id/ports", .operator(.operate)) { request, context in
                try await countPort(request, try context.id())
            },
            Route(.patch, "/api/servers/:id/ports/:port", .operator(.operate)) {
                request, context in
                try await changePort(request, context)
            },
            Route(.delete, "/api/servers/:id/ports/:port", .operator(.operate)) {
                request, context in
                try await cleanPort(request, context)
            },
            Route(
                .post, "/api/servers/:id/ports/:port/shut", .operator(.operate), isUrgent: true
            ) { request, context in
                try await setPort(.shut, request, context)
            },
            Route(
                .post, "/api/servers/:id/ports/:port/open", .operator(.operate), isUrgent: true
            ) { request, context in
                try await setPort(.open, request, context)
            },
        ]
    }

    private func countPort(_ request: Request, _ server: Int64) async throws -> Response {
        let fields = try await Bodies.fields(request)
        try fields.allow("port", "client", "client_id", "group")
        let wait = try Self.patience(try Query(request, allowing: "wait"))
        let words = try PortWords(try fields.requiredText("port"))
        let receipt = try await store.countPorts(
            try Self.naming(words, fields), server: server, now: now)
        return try await answer(
            receipt, server, done: receipt.isNew ? "Port counted" : "Port counted already",
            wait: wait, status: receipt.isNew ? .created : .ok)
    }

    private func changePort(_ request: Request, _ context: AppContext) async throws -> Response {
        let server = try context.id()
        let fields = try await Bodies.fields(request)
        try fields.allow("client", "client_id", "group")
        let wait = try Self.patience(try Query(request, allowing: "wait"))
        let receipt = try await store.changePorts(
            try Self.naming(try context.port(), fields), server: server, now: now)
        return try await answer(receipt, server, done: "Port changed", wait: wait)
    }

    private func cleanPort(_ request: Request, _ context: AppContext) async throws -> Response {
        let server = try context.id()
        try await Bodies.fields(request).allow()
        let wait = try Self.patience(try Query(request, allowing: "wait"))
        let deadline = ContinuousClock.now + wait
        let receipt = try await store.cleanPorts(
            try context.port().keys, server: server, now: now)
        let enforcement = try await enforcement(receipt, server, wait: wait)
        if enforcement.state == .enforced {
            // The agent has read them once more: its next batch brings that.
            _ = try await read([server], wait: max(deadline - .now, .zero))
        }
        return try await answer(enforcement, receipt, done: "Port cleaned")
    }

    private func setPort(
        _ access: Access, _ request: Request, _ context: AppContext
    ) async throws -> Response {
        let server = try context.id()
        let fields = try await Bodies.fields(request)
        try fields.allow("force")
        let wait = try Self.patience(try Query(request, allowing: "wait"))
        let isForced = try fields.flag("force") ?? false
        let receipt = try await store.setPorts(
            try context.port().keys, to: access, forced: isForced && access == .shut,
            server: server, now: now)
        let enforcement = try await enforcement(receipt, server, wait: wait)
        if access == .shut, !isForced { try await refuseProtected(receipt, server) }
        let done = access == .shut ? "Port shut" : "Port opened"
        return try await answer(enforcement, receipt, done: done)
    }

    /// A shut that the agent refuses is taken back, and refused here.
    private func refuseProtected(_ receipt: PortReceipt, _ server: Int64) async throws {
        let refused = try await store.credentials(ids: receipt.credentials)
            .filter { $0.exceptionCode == "protected" }
        guard let first = refused.first else { return }
        if try await store.takeBack(refused.map(\.id), server: server, now: now) {
            desired.notify(server)
        }
        let reason = first.exceptionDetail.isEmpty ? "it is protected" : first.exceptionDetail
        throw Refusal(
            .conflict, "protected",
            "\(first.key) on \(first.serverName) is not shut: \(reason)")
    }

    private static func naming(_ words: PortWords, _ fields: Fields) throws -> PortNaming {
        let (name, id) = (try fields.text("client"), try fields.integer("client_id"))
        guard name == nil || id == nil else {
            throw Refusal.invalid("client: name the client once, by client or by client_id")
        }
        let owner = id.map(PortOwner.client) ?? name.map(PortOwner.name) ?? .unsaid
        return PortNaming(
            keys: words.keys, label: words.label, owner: owner, group: try fields.text("group"))
    }

    private func enforcement(
        _ receipt: PortReceipt, _ server: Int64, wait: Duration
    ) async throws -> Enforcement {
        if receipt.hasNews { desired.notify(server) }
        return Enforcement(try await settled(receipt.credentials, wait: wait))
    }

    private func answer(
        _ receipt: PortReceipt, _ server: Int64, done: String, wait: Duration,
        status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        try await answer(
            try await enforcement(receipt, server, wait: wait), receipt, done: done,
            status: status)
    }

    private func answer(
        _ enforcement: Enforcement, _ receipt: PortReceipt, done: String,
        status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let ports = try await store.ports(ids: receipt.credentials)
        let rest = enforcement.servers.filter { $0.state != .enforced }.map(\.server)
        let message =
            rest.isEmpty ? done : "\(done), but not yet so on \(rest.joined(separator: ", "))"
        return try .json(
            PortAnswer(
                message: message, enforcement: enforcement,
                ports: ports.map { PortInfo($0, .all) }),
            status: rest.isEmpty ? status : .accepted)
    }
}

extension AppContext {
    /// The port in the path.
    fileprivate func port() throws -> PortWords {
        try PortWords(path: parameters.get("port") ?? "")
    }
}
