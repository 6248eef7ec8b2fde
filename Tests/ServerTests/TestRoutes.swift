import Foundation
import Logging
import Store

@testable import Server

/// The routes as the controller has them.
enum TestRoutes {
    static var all: [Route] {
        get async throws {
            let folder = RunningController.temporaryFolder()
            let path = "\(folder)/store.sqlite"
            let backend = Backend(
                store: try await Store.open(path: path), logger: Logger(label: "test"),
                address: PublicAddress(options: ServeOptions(), isEncrypted: false, pin: []))
            // The open file is enough, and goes with the last of the routes.
            try FileManager.default.removeItem(atPath: folder)
            return backend.routes
        }
    }
}
