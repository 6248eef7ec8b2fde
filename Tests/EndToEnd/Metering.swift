import Glibc
import TestSupport
import Testing

extension Fleet {
    /// A tunnel with `clients`, and a fleet whose joined and started agent meters it; the
    /// controller knows the clients. The rest is as `init` takes it.
    static func metering(
        _ clients: [String], interval: String = "500ms", in folder: TemporaryFolder? = nil,
        settings: [String: String] = [:]
    ) throws -> (Tunnel, Fleet) {
        let (tunnel, fleet) = try joined(
            clients, interval: interval, in: folder, settings: settings)
        try fleet.startAgent()
        #expect(try eventually { try fleet.clients().count == clients.count })
        return (tunnel, fleet)
    }

    /// The same, with an agent that has joined and is not started.
    static func joined(
        _ clients: [String], interval: String = "500ms", in folder: TemporaryFolder? = nil,
        settings: [String: String] = [:]
    ) throws -> (Tunnel, Fleet) {
        try #require(geteuid() == 0, "namespaces need root")
        let tunnel = try Tunnel(clients: clients)
        let fleet = try Fleet(tunnel, interval: interval, in: folder, settings: settings)
        try fleet.join()
        return (tunnel, fleet)
    }
}
