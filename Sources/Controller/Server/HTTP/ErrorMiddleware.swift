import API
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import Store

/// Turns every error into an answer, in this one place.
struct ErrorMiddleware: RouterMiddleware {
    let logger: Logger

    func handle(
        _ request: Request, context: AppContext,
        next: (Request, AppContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            let refusal = refusal(for: error, request)
            return try Response.json(
                Failure(code: refusal.code, message: refusal.message), status: refusal.status,
                headers: refusal.headers)
        }
    }

    private func refusal(for error: any Error, _ request: Request) -> Refusal {
        switch error {
        case let error as Refusal: error
        case let error as StoreError: refusal(for: error, request)
        case let error as HTTPError where error.status == .notFound: .noSuchPath
        case let error as HTTPError:
            Refusal(error.status, "refused", error.body ?? error.status.reasonPhrase)
        case is CancellationError:
            Refusal(.serviceUnavailable, "stopping", "the controller is stopping: try again")
        default: unknown(error, request)
        }
    }

    private func refusal(for error: StoreError, _ request: Request) -> Refusal {
        let reason = error.reason
        if error.code == .diverged || reason == "token_used" || reason == "ledger_cloned" {
            // An operator should look: a host was cloned, put back, or its token went elsewhere.
            logger.warning(
                "an agent was refused",
                metadata: ["path": "\(request.uri.path)", "reason": "\(error.description)"])
        }
        switch error.code {
        case .notFound: return Refusal(.notFound, reason ?? "not_found", error.description)
        case .conflict: return Refusal(.conflict, reason ?? "conflict", error.description)
        case .diverged: return Refusal(.conflict, reason ?? "diverged", error.description)
        case .forbidden: return Refusal(.forbidden, reason ?? "forbidden", error.description)
        case .invalid: return Refusal(.badRequest, reason ?? "invalid", error.description)
        case .unavailable where reason == "read_too_long":
            log(error, request)
            return Refusal(.serviceUnavailable, "read_too_long", error.description)
        case .damaged, .unavailable:
            log(error, request)
            return Refusal(
                .serviceUnavailable, "store_unavailable",
                "the store cannot be used now: the controller's log says why")
        case .internal: return unknown(error, request)
        }
    }

    private func unknown(_ error: any Error, _ request: Request) -> Refusal {
        log(error, request)
        return Refusal(
            .internalServerError, "internal",
            "something went wrong in the controller: its log says what")
    }

    private func log(_ error: any Error, _ request: Request) {
        let cause = (error as? StoreError)?.cause.map { " (\($0))" } ?? ""
        logger.error(
            "a request failed",
            metadata: [
                "method": "\(request.method)", "path": "\(request.uri.path)",
                "error": "\(error)\(cause)",
            ])
    }
}
