import Accounting
import Foundation
import FuzzTargets
import Meters
import Settings

@testable import Agent

/// What only the agent's program itself reads: files, answers and words that come from others.
enum AgentTargets {
    static let all = [
        FuzzTarget("agent-identity", identity), FuzzTarget("agent-settings", settings),
        FuzzTarget("agent-words", words), FuzzTarget("agent-kept-out", keptOut),
    ]

    /// Calls `body` with the name of a file that has these bytes.
    private static func withFile<Value>(
        _ bytes: [UInt8], _ body: (String) throws -> Value
    ) throws -> Value {
        let path = FileManager.default.temporaryDirectory.appending(path: "fuzz-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(bytes).write(to: URL(filePath: path))
        return try body(path)
    }

    private static func identity(_ bytes: [UInt8]) throws {
        try withFile(bytes) { path in
            do {
                guard let identity = try Identity.load(path) else {
                    throw FuzzFinding("a file that is there is not found")
                }
                try identity.save(to: path)
                try FuzzFinding.unless(
                    try Identity.load(path) == identity, "an identity is not read back")
            } catch let error as AgentError {
                try FuzzFinding.unless(error.description.contains(path), "it names no file")
            }
        }
    }

    private static func settings(_ bytes: [UInt8]) throws {
        try withFile(bytes) { path in
            do {
                let options = try AgentSettings.load(file: path, environment: [:])
                let range = Duration.milliseconds(100)...Duration.seconds(3_600)
                try FuzzFinding.unless(
                    range.contains(options.readInterval) && range.contains(options.pushInterval),
                    "an interval is out of range")
            } catch is SettingsError {
            } catch is AgentError {
            }
        }
    }

    /// Tokens, addresses, and what the controller says where it says no.
    private static func words(_ bytes: [UInt8]) throws {
        let text = String(decoding: bytes, as: UTF8.self)
        if let token = try? JoinToken(text) {
            try FuzzFinding.unless(token.text == text, "a token is not what was given")
            try FuzzFinding.unless(token.pin?.utf8.count ?? 44 == 44, "a pin is not 32 bytes")
        }
        if let url = try? ControllerURL.check(text) {
            try FuzzFinding.unless(try ControllerURL.check(url) == url, "\(url) has two forms")
            let host = url.dropFirst(7).prefix { $0 != ":" }
            let isHere = host == "localhost" || host.allSatisfy { "0123456789.[".contains($0) }
            try FuzzFinding.unless(
                !url.hasPrefix("http://") || isHere, "\(url) is no address of this host")
        }
        if let decoded = Base64URL.decode(text) {
            try FuzzFinding.unless(
                Base64URL.decode(Base64URL.encode(decoded)) == decoded, "base64 is not read back")
        }
        let refusal = Refusal(status: 503, body: bytes)
        try FuzzFinding.unless(!refusal.needsJoin, "a word in a body makes the host join anew")
        _ = DiscoveryScope(text: text, AgentOptions())
    }

    private static func keptOut(_ bytes: [UInt8]) throws {
        let key = Key.publicKey(.zero)
        guard let settings = SettingsCodec.decode(bytes, of: key) else { return }
        try FuzzFinding.unless(settings.key == key, "they are another's settings")
        let again = SettingsCodec.decode(try SettingsCodec.encode(settings), of: key)
        try FuzzFinding.unless(again == settings, "settings are not read back")
    }
}
