import Accounting
import Netlink

@testable import Meters

extension FuzzTarget {
    /// What WireGuard, its daemons and its configuration files say.
    static let wireguardTargets = [
        FuzzTarget("wireguard-dump", wireguardDump), FuzzTarget("wireguard-uapi", wireguardUAPI),
        FuzzTarget("wireguard-writer", wireguardWriter),
        FuzzTarget("wireguard-configuration", wireguardConfiguration),
    ]

    /// One dump of a device in several messages.
    private static func wireguardDump(_ bytes: [UInt8]) throws {
        var dump = KernelDump(index: 7, incarnation: Incarnation(token: "fuzz"))
        let isWhole: Void? = try refusing(NetlinkError.self) {
            for message in bytes.datagrams {
                try message.withUnsafeBytes { try dump.add($0.bytes) }
            }
            try dump.checkWhole()
        }
        let peers = dump.peers
        try FuzzFinding.unless(
            dump.addresses.allSatisfy { peers.indices.contains(Int($0.owner)) },
            "an allowed IP belongs to no peer")
        guard isWhole != nil else { return }
        try FuzzFinding.unless(
            Set(dump.counters.map(\.key)).count == peers.count, "a peer stands there twice")
        try FuzzFinding.unless(peers.allSatisfy(\.isCounted), "a peer without counters is whole")
        let settings = dump.settings()
        try FuzzFinding.unless(
            settings.map(\.addresses.count) == peers.map { Int($0.addressCount) },
            "a peer has other allowed IPs than were counted")
        try FuzzFinding.unless(dump.counters.count == peers.count, "a counter is missing")
    }

    private static func wireguardUAPI(_ bytes: [UInt8]) throws {
        let reply = try refusing(MeterError.self) {
            try bytes.withUnsafeBytes { try UserspaceReply.decode($0.bytes, doing: "try") }
        }
        guard let reply else { return }
        try FuzzFinding.unless(
            Set(reply.peers.map(\.key)).count == reply.peers.count, "a peer stands there twice")
        // Nothing is made up: each peer takes its key's 64 digits and its counters' lines.
        try FuzzFinding.unless(reply.peers.count * 64 <= bytes.count, "a peer was made up")
    }

    private static func wireguardWriter(_ bytes: [UInt8]) throws {
        let writer = bytes.withUnsafeBytes { UserspaceCredentials.writer(in: $0.bytes) }
        if let writer { try FuzzFinding.unless(writer > 0, "the writer is process \(writer)") }
    }

    private static func wireguardConfiguration(_ bytes: [UInt8]) throws {
        let configuration = InterfaceConfiguration(bytes)
        let lines = bytes.count { $0 == UInt8(ascii: "\n") } + 1
        for problem in configuration.problems {
            try FuzzFinding.unless(
                (1...lines).contains(problem.line), "there is no line \(problem.line)")
        }
        for (key, peer) in configuration.peers {
            guard let settings = peer.settings else { continue }
            try FuzzFinding.unless(
                settings.key == .publicKey(key), "a peer has another's settings")
            for range in settings.addresses {
                try FuzzFinding.unless(
                    AddressRange(range.description) == range, "\(range) is not read back")
            }
        }
    }
}
