internal import FoundationEssentials

/// What Docker's API says, decoded. Other engines that speak it (Podman) are understood alike.
enum DockerAnswer {
    /// A running container.
    struct Entry: Hashable, Sendable {
        /// 64 hexadecimal digits.
        var id: String
        /// What people call it.
        var name: String
    }

    /// The most containers that are looked at.
    static let most = 1_000

    /// Reads the answer to `GET /containers/json`; an entry that cannot be understood is passed
    /// over.
    static func list(_ bytes: [UInt8]) throws(MeterError) -> [Entry] {
        let listed = try decode([Lenient<Listed>].self, bytes, doing: "list the containers")
        return listed.prefix(most).compactMap { $0.value.flatMap(entry) }
    }

    /// Reads the answer to `GET /containers/ID/json`: the number of the first process; nil where
    /// the container does not run.
    static func process(_ bytes: [UInt8]) throws(MeterError) -> Int32? {
        let state = try decode(Inspected.self, bytes, doing: "inspect a container").State
        guard state.Pid > 0, state.Running ?? true else { return nil }
        return state.Pid
    }

    private static func entry(_ listed: Listed) -> Entry? {
        guard ContainerName.isID(listed.Id) else { return nil }
        // A name with a second slash is an alias that another container has for it.
        let name = (listed.Names ?? []).lazy.compactMap { ContainerName.clean($0) }.first
        return Entry(id: listed.Id, name: name ?? ContainerName.short(listed.Id))
    }

    private static func decode<Value: Decodable>(
        _: Value.Type, _ bytes: [UInt8], doing: String
    ) throws(MeterError) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: Data(bytes))
        } catch {
            throw MeterError(
                .malformed, doing: doing, reason: "Docker's answer is not the JSON that it was")
        }
    }

    // The names are Docker's.
    private struct Listed: Decodable {
        var Id: String
        var Names: [String]?
    }

    private struct Inspected: Decodable {
        var State: State

        struct State: Decodable {
            var Pid: Int32
            var Running: Bool?
        }
    }
}

/// How containers are called.
enum ContainerName {
    private static let longest = 128

    /// Whether the text is an engine's own number of a container.
    static func isID(_ text: some StringProtocol) -> Bool {
        text.utf8.count == 64
            && text.utf8.allSatisfy { byte in
                byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
                    || byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "f")
            }
    }

    /// What an engine shows of such a number.
    static func short(_ id: some StringProtocol) -> String { String(id.prefix(12)) }

    /// The name without its slash; nil where it has what no engine's names have.
    static func clean(_ text: some StringProtocol) -> String? {
        let name = text.first == "/" ? String(text.dropFirst()) : String(text)
        guard !name.isEmpty, name.utf8.count <= longest, name.utf8.allSatisfy(isAllowed) else {
            return nil
        }
        return name
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "."),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
