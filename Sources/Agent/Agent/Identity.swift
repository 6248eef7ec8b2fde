import Accounting
import FoundationEssentials

/// Who this agent is to its controller. Holds a secret: never log it.
struct Identity: Codable, Hashable, Sendable {
    /// The server's id at the controller; 0 until it has answered the join.
    var server: UInt64
    /// The server's name at the controller.
    var name: String
    /// Base URLs of the controller, tried in order.
    var controllers: [String]
    /// SHA-256 of the public keys that the controller may show, base64; empty: the system decides.
    var pins: [String]
    /// 32 random bytes, base64url without padding.
    var secret: String
    /// The ledger that was joined: 32 hexadecimal digits.
    var ledger: String
    /// SHA-256 of the token that was joined with, hexadecimal.
    var tokenDigest: String

    static func path(in folder: String) -> String { "\(folder)/identity.json" }
    static func pendingPath(in folder: String) -> String { "\(folder)/identity.pending.json" }

    /// Reads an identity; nil where there is none.
    static func load(_ path: String) throws -> Identity? {
        guard let bytes = try Files.read(path) else { return nil }
        do {
            return try JSONDecoder().decode(Identity.self, from: Data(bytes))
        } catch {
            throw AgentError(
                doing: "read this host's identity in \(path)",
                reason: "it is damaged; restore it from a copy, or move it away and join again")
        }
    }

    /// Writes the identity, readable by its owner alone.
    func save(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try Files.writeSecret(Array(try encoder.encode(self)) + [0x0a], to: path)
    }

    /// What stands behind `Authorization: Bearer`.
    var bearer: String { "\(server).\(secret)" }
}

/// A join token as `tollkeeper server add` prints it: `tk1.RANDOM.PIN`.
struct JoinToken: Sendable {
    let text: String
    /// SHA-256 of the controller's public key, base64; nil where it speaks plain HTTP or shows a
    /// certificate that the system trusts.
    let pin: String?

    init(_ text: String) throws {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "tk1", Base64URL.decode(parts[1])?.count == 32,
            parts[2].isEmpty || Base64URL.decode(parts[2])?.count == 32
        else {
            throw AgentError(
                doing: "read the join token",
                reason: "it is not what `tollkeeper server add` prints (tk1.….…); copy it whole")
        }
        self.text = text
        pin = Base64URL.decode(parts[2]).flatMap { $0.isEmpty ? nil : Base64.encode($0) }
    }
}
