import Foundation

/// Where an API token comes from.
enum TokenSource {
    /// The token of `--token-file`, else of `TOLLKEEPER_TOKEN`; throws where there is none.
    static func token(_ options: CommonOptions, in world: World) throws -> String {
        if let path = options.tokenFile { return try read(path, in: world) }
        guard let token = world.environment["TOLLKEEPER_TOKEN"], !token.isEmpty else {
            throw CommandFailure(
                .usage,
                "a controller elsewhere wants an API token: put it into TOLLKEEPER_TOKEN "
                    + "or a --token-file (`tollkeeper token create` on its host makes one)")
        }
        return try checked(token, of: "TOLLKEEPER_TOKEN")
    }

    private static func read(_ path: String, in world: World) throws -> String {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw CommandFailure(.usage, "the token file \(path) cannot be read")
        }
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        if let mode = mode as? Int, mode & 0o077 != 0 {
            world.err(
                "tollkeeper: warning: others may read \(SafeText.escape(path)); "
                    + "do `chmod 600` on it\n")
        }
        return try checked(text, of: path)
    }

    /// Without the line's end; refuses what cannot stand in a header.
    private static func checked(_ text: String, of place: String) throws -> String {
        let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw CommandFailure(.usage, "\(place) holds no API token: one word is expected")
        }
        return token
    }
}
