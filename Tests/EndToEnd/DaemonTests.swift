import API
import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct DaemonTests {
        func start() throws -> (Tunnel, Fleet) {
            try Fleet.joined(["alice"])
        }

        /// As the unit starts it: root, with one capability, and systemd waiting for its word.
        @Test func theAgentDoesWithOneCapabilityAndTellsSystemd() throws {
            let (tunnel, fleet) = try start()
            let systemd = try NotifySocket(in: fleet.folder)
            try fleet.startAgent(
                through: ["setpriv", "--bounding-set=-all,+net_admin", "--inh-caps=-all"],
                environment: ["NOTIFY_SOCKET": systemd.path, "WATCHDOG_USEC": "600000"])
            #expect(try eventually { try fleet.clients().count == 1 })
            #expect(eventually { systemd.received().contains("READY=1") })
            #expect(eventually { systemd.received().contains("WATCHDOG=1") })
            let pid = try #require(fleet.agent?.pid)
            let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
            #expect(status.contains("CapBnd:\t0000000000001000"))
            try fleet.tollkeeper("client", "revoke", "alice")
            #expect(try !tunnel.client("alice").reachesServer())
            #expect(
                try eventually {
                    try String(contentsOfFile: fleet.configurationFile, encoding: .utf8)
                        .contains("#AllowedIPs = \(tunnel.client("alice").address)/32")
                })
            fleet.stopAgent()
            #expect(systemd.received().contains("STOPPING=1"))
        }

        @Test func aBrokenReloadKeepsTheOldSettingsAndAGoodOneIsTaken() throws {
            let (tunnel, fleet) = try start()
            let file = try fleet.folder.write("MODE=observe\n", to: "agent.conf")
            try fleet.startAgent(options: ["--config", file])
            #expect(try eventually { try fleet.clients().count == 1 })
            #expect(try mode(fleet) == "observe")

            try fleet.folder.write("MODE=enforce\nNONSENSE=1\n", to: "agent.conf")
            fleet.agent?.signal(SIGHUP)
            #expect(
                eventually { fleet.agent?.errors.contains("\(file):2") == true })
            #expect(try mode(fleet) == "observe")
            let revoke = try fleet.attempt("client", "revoke", "alice", "--wait", "1s")
            #expect(revoke.status == 3)
            #expect(try tunnel.client("alice").reachesServer())

            try fleet.folder.write("MODE=enforce\n", to: "agent.conf")
            fleet.agent?.signal(SIGHUP)
            #expect(try eventually { try fleet.clients()["alice"]?.status == .disabled })
            #expect(try mode(fleet) == "enforce")
        }

        @Test func aStopTakesALastReadingAndPushesIt() throws {
            let (tunnel, fleet) = try Fleet.metering(["alice"], interval: "60s")
            #expect(try eventually { try fleet.clients().count == 1 })
            let alice = try tunnel.client("alice")
            try alice.ping(count: 30, size: 900)
            let truth = try #require(try tunnel.transfer()[alice.keys.publicKey])
            fleet.stopAgent()
            let credential = try #require(try fleet.credentials().first)
            #expect(credential.bytesSent + credential.baselineSent == Int64(truth.received))
            #expect(credential.bytesReceived + credential.baselineReceived == Int64(truth.sent))
        }

        /// A ledger that was damaged is named and left as it is.
        @Test func aDamagedLedgerIsNotOverwritten() throws {
            let (tunnel, fleet) = try start()
            try fleet.startAgent()
            #expect(try eventually { try fleet.clients().count == 1 })
            fleet.stopAgent()
            tunnel.close()
            let path = "\(fleet.agentFolder)/ledger.sqlite"
            for suffix in ["-wal", "-shm"] {
                try? FileManager.default.removeItem(atPath: path + suffix)
            }
            let damaged = Data(repeating: 0x5a, count: 9_000)
            try damaged.write(to: URL(filePath: path))
            let run = try fleet.tollkeeperAgent("run")
            #expect(run.status == 1)
            #expect(run.errors.contains(path))
            #expect(try Data(contentsOf: URL(filePath: path)) == damaged)
        }

        private func mode(_ fleet: Fleet) throws -> String {
            let text = try fleet.tollkeeperAgent("status", "--json").output
            struct Status: Decodable { var mode: String }
            return try JSONDecoder().decode(Status.self, from: Data(text.utf8)).mode
        }
    }
}

/// The socket on which systemd hears how a service is.
private final class NotifySocket {
    let path: String
    private let descriptor: Int32
    private var messages: [String] = []

    init(in folder: TemporaryFolder) throws {
        path = "\(folder.path)/notify"
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard descriptor >= 0, result == 0 else { throw POSIXError(.EIO) }
    }

    deinit { close(descriptor) }

    /// Everything that was said so far.
    func received() -> [String] {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return messages }
            messages.append(String(decoding: buffer[..<count], as: UTF8.self))
        }
    }
}
