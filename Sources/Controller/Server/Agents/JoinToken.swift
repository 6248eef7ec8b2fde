import Accounting
import AgentProtocol

/// The text that lets one agent join: `tk1.`, a secret, and the pin of the controller's key.
struct JoinToken {
    /// SHA-256 of the secret's 32 bytes: all that the controller keeps.
    let hash: [UInt8]
    /// The whole text. Never logged.
    let text: String

    /// Makes a token; the pin is empty for plain HTTP and for certificates of an authority.
    init(secret: [UInt8], pin: [UInt8]) {
        hash = Digest.sha256(secret)
        text = "tk1.\(Base64URL.encode(secret)).\(Base64URL.encode(pin))"
    }

    /// Reads a token as an agent sends it, with or without the pin; nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3, parts[0] == "tk1",
            let secret = Base64URL.decode(parts[1]), secret.count == 32
        else { return nil }
        hash = Digest.sha256(secret)
        self.text = text
    }
}

/// Secrets that this controller makes.
enum Secret {
    /// 256 bits from the kernel's random source.
    static func random() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
}
