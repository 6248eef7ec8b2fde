import Store
import HTTPTypes
import API
import HummingbirdCore

/// This program's version.
public enum Version {
    /// The version as people write it.
    public static let current = "0.1.0"
}

extension Backend {
    /// Liveness and readiness.
    var healthRoutes: [Route] {
        [
            Route(.get, "/healthz", .anybody) { _, _ in
                try .json(Health(status: "ok", version: Version.current))
            },
            Route(.get, "/readyz", .anybody) { _, _ in
                try await store.check()
                return try .json(Health(status: "ready", version: Version.current))
            },
        ]
    }
}
