import Accounting
import Foundation
import Netlink
import TestSupport
import Testing

@testable import Meters

/// Scripts inside the guest that `KernelGuestTests` boots, where kernel WireGuard is; or
/// AmneziaWG's module in its place, see `Tests/VM/amneziawg`.
enum KernelLab {
    /// What the interfaces are made of.
    static let kind: MeterKind =
        ProcessInfo.processInfo.environment["TOLLKEEPER_KERNEL_KIND"] == "amneziawg"
        ? .amneziawg : .wireguard

    /// Whether a link counts what its peers do; AmneziaWG's counts otherwise.
    static let countsOnTheLink = kind == .wireguard

    /// The command that loads the module.
    static var load: String {
        kind == .wireguard ? "modprobe wireguard" : "insmod /payload/amneziawg.ko"
    }

    /// Whether fixtures are wanted; see `Tests/VM/record`.
    static let records = ProcessInfo.processInfo.environment["TOLLKEEPER_RECORD"] == "1"

    /// Runs a shell script with the real `ip` and `wg`, and returns what it wrote.
    @discardableResult
    static func sh(_ script: String) throws -> String {
        let (status, output) = try attempt(script)
        try #require(status == 0, "status \(status) of: \(script)\n\(output)")
        return output
    }

    /// The same, for scripts that may fail.
    static func attempt(_ script: String) throws -> (status: Int32, output: String) {
        let prelude = """
            exec 2>&1
            set -e
            ip() { /usr/sbin/ip "$@"; }

            """
        let job = try Job(["sh", "-c", prelude + script])
        let status = job.wait(limit: 600) ?? -1
        return (status, job.output)
    }

    /// A public key that nobody has the private key of.
    static func key(_ number: Int) throws -> PublicKey {
        var bytes = [UInt8](repeating: 0x5a, count: 32)
        for index in 0..<4 { bytes[index] = UInt8(truncatingIfNeeded: number >> (index * 8)) }
        return try #require(PublicKey(bytes))
    }
}

/// A WireGuard server and one client in namespaces of their own, joined by veth; deleted at last.
final class KernelTunnel {
    let server: String
    let client: String
    /// The client's public key, as the server knows it.
    let clientKey: Key
    let presharedKey: String

    init(_ label: String) throws {
        let server = "s-\(label)"
        let client = "c-\(label)"
        (self.server, self.client) = (server, client)
        let keys = try Self.keys.get()
        clientKey = try #require(Key(keys[0], of: .wireguard))
        presharedKey = keys[1]
        try KernelLab.sh(
            """
            ip netns add \(server); ip netns add \(client)
            ip -n \(server) -batch - <<END
            link add v type veth peer name v netns \(client)
            link add wg0 type \(KernelLab.kind)
            address add 192.168.7.1/24 dev v
            address add 10.7.0.1/24 dev wg0
            link set lo up
            link set v up
            link set wg0 up
            END
            ip -n \(client) -batch - <<END
            link add wg0 type \(KernelLab.kind)
            address add 192.168.7.2/24 dev v
            address add 10.7.0.2/24 dev wg0
            link set v up
            link set wg0 up
            END
            cd /tmp
            nsenter --net=/run/netns/\(server) wg set wg0 private-key server.key listen-port 51820 \
                peer \(keys[0]) preshared-key shared.key allowed-ips 10.7.0.2/32,fd07::2/128
            nsenter --net=/run/netns/\(client) wg set wg0 private-key client.key \
                peer \(keys[2]) preshared-key shared.key \
                endpoint 192.168.7.1:51820 allowed-ips 10.7.0.1/32
            """)
    }

    /// The client's public key, the preshared key and the server's public key, made once.
    static let keys = Result {
        try KernelLab.sh(
            """
            umask 077; cd /tmp
            wg genkey > server.key; wg genkey > client.key; wg genpsk > shared.key
            wg pubkey < client.key; cat shared.key; wg pubkey < server.key
            """
        ).split(separator: "\n").map(String.init)
    }

    deinit { _ = try? KernelLab.attempt("ip netns delete \(server); ip netns delete \(client)") }

    /// The server's device, found as the agent finds it.
    func device() throws -> KernelDevice {
        var devices = KernelDevices(clock: try HostClock.open())
        let found = devices.discover().devices.filter { $0.name.place == server }
        return try #require(found.first)
    }

    /// Whether `count` packets of 1,000 bytes and an answer to each get through.
    func clientReachesServer(count: Int = 2) throws -> Bool {
        let (here, there) = try ends()
        return (0..<count).allSatisfy { _ in
            there.reaches(here, bytes: 1000) && here.reaches(there, bytes: 1000)
        }
    }

    /// Whether the server, which speaks first, gets a packet through to the client.
    func serverReachesClient() throws -> Bool {
        let (here, there) = try ends()
        return here.reaches(there, bytes: 1000)
    }

    private func ends() throws -> (server: Datagrams, client: Datagrams) {
        (
            try Datagrams(in: server, address: "10.7.0.1"),
            try Datagrams(in: client, address: "10.7.0.2")
        )
    }

    /// `wg show wg0 dump` in the server's namespace, without the device's own line.
    func shown() throws -> [String] {
        try KernelLab.sh("nsenter --net=/run/netns/\(server) wg show wg0 dump")
            .split(separator: "\n").dropFirst().map(String.init)
    }

    /// Runs `wg set wg0 …` on the server.
    func set(_ arguments: String) throws {
        try KernelLab.sh("nsenter --net=/run/netns/\(server) wg set wg0 \(arguments)")
    }

    /// Adds peers 0 ..< `count` to the server, each with an address of its own.
    func addPeers(_ count: Int, presharedKey: Bool = false) throws {
        var text = ""
        for number in 0..<count {
            text += "[Peer]\nPublicKey = \(try KernelLab.key(number).base64)\n"
            text += "AllowedIPs = 10.\(8 + number / 65536).\(number / 256 % 256).\(number % 256)/32"
            text += ", fd08::\(String(number, radix: 16))/128\n"
            if number.isMultiple(of: 3) { text += "PersistentKeepalive = \(number % 100 + 1)\n" }
        }
        let file = "/tmp/\(server).conf"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        try KernelLab.sh("nsenter --net=/run/netns/\(server) wg addconf wg0 \(file)")
    }

    /// A reading while nothing moves: what `wg` shows is the same before and after.
    func quietReading(_ device: KernelDevice) throws -> (reading: MeterReading, shown: [String]) {
        for _ in 0..<50 {
            let before = try shown()
            let reading = try device.read()
            if try shown() == before { return (reading, before) }
        }
        throw NeverQuiet()
    }

    struct NeverQuiet: Error {}
}
