import Foundation
import Logging
import Store

@testable import Server

/// The routes as the controller has them.
enum TestRoutes {
    static var all: [Route] {
        get async throws {
            let path = "/tmp/tk-routes-\(UUID().uuidString)/store.sqlite"
            let backend = Backend(
                store: try await Store.open(path: path), logger: Logger(label: "test"),
                address: PublicAddress(options: ServeOptions(), isEncrypted: false, pin: []))
            return backend.routes
        }
    }
}
