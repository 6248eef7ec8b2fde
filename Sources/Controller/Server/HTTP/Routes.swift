import API
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// Who may use a route.
enum Entrance: Hashable, Sendable {
    /// Anybody: the route checks by itself, or tells no secret.
    case anybody
    /// An operator whose token has at least this scope, or whoever may open the local socket.
    case `operator`(TokenScope)
}

/// One call of the HTTP API.
struct Route: Sendable {
    let method: HTTPRequest.Method
    /// Such as `/api/clients/:id`.
    let path: String
    let entrance: Entrance
    /// Whether it goes ahead of pushes and questions.
    let isUrgent: Bool
    let answer: Answer

    typealias Answer = @Sendable (Request, AppContext) async throws -> Response

    init(
        _ method: HTTPRequest.Method, _ path: String, _ entrance: Entrance,
        isUrgent: Bool = false,
        _ answer: @escaping Answer
    ) {
        (self.method, self.path, self.entrance, self.answer) = (method, path, entrance, answer)
        self.isUrgent = isUrgent
    }
}

extension Backend {
    /// Every call.
    var routes: [Route] {
        healthRoutes + agentRoutes + serverRoutes + driftRoutes + clientRoutes + credentialRoutes
            + tokenRoutes + statsRoutes + portRoutes
    }

    /// The router of every call: errors mapped, callers let in or not, wrong methods told apart.
    func makeRouter() -> Router<AppContext> {
        let router = Router(context: AppContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: ErrorMiddleware(logger: logger))
        let gate = OperatorGate(backend: self)
        for (path, routes) in Dictionary(grouping: routes, by: \.path) {
            for route in routes {
                let answer: Route.Answer = { request, context in
                    try await gate.pass(request, context, route.entrance)
                    return try await route.answer(request, context)
                }
                router.on(RouterPath(path), method: route.method) { request, context in
                    guard route.isUrgent else { return try await answer(request, context) }
                    return try await Urgency.run { try await answer(request, context) }
                }
            }
            refuseOtherMethods(at: path, having: routes.map(\.method), router)
        }
        return router
    }

    private func refuseOtherMethods(
        at path: String, having known: [HTTPRequest.Method], _ router: Router<AppContext>
    ) {
        let all: [HTTPRequest.Method] = [.get, .post, .put, .patch, .delete, .options, .trace]
        let allowed = known.map(\.rawValue).sorted().joined(separator: ", ")
        var refusal = Refusal(
            .methodNotAllowed, "method_not_allowed", "this path takes only \(allowed)")
        refusal.headers[.allow] = allowed
        let fixed = refusal
        let isReadable = known.contains(.get)
        for method in all + (isReadable ? [] : [.head]) where !known.contains(method) {
            router.on(RouterPath(path), method: method) { _, _ -> Response in throw fixed }
        }
    }
}

extension AppContext {
    /// The id in the path; what is none is not found.
    func id() throws -> Int64 {
        guard let text = parameters.get("id"), let id = Int64(text), id > 0 else {
            throw Refusal(.notFound, "not_found", "an id is a whole number above 0")
        }
        return id
    }
}
