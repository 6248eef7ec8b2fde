public import Accounting
internal import FoundationEssentials

/// The names that Amnezia's app gives to clients: a file without extension beside the
/// interface's configuration. It is only ever read.
///
/// `[{"clientId": KEY, "userData": {"clientName": NAME, …}}, …]`, and before that
/// `{KEY: {"clientName": NAME}, …}`. An entry that cannot be understood is passed over.
public struct ClientsTable: Sendable {
    /// What the file is called.
    public static let fileName = "clientsTable"
    /// The longest file that is read, in bytes: many times that of 10,000 clients.
    public static let largest = 16 << 20

    /// The clients' names; without those that have none.
    public let names: [PublicKey: String]

    /// Reads the bytes of a file; throws `malformed` where they are no table at all.
    public init(_ bytes: [UInt8]) throws(MeterError) {
        let doing = "read the names of Amnezia's clients"
        do {
            names = try JSONDecoder().decode(Table.self, from: Data(bytes)).names
        } catch {
            throw MeterError(
                .malformed, doing: doing, reason: "\(Self.fileName) is not the JSON that it was")
        }
    }

    /// The table of the interface whose configuration is in `directory`.
    public static func file(
        in directory: String, of container: Container?
    ) -> WatchedFile<ClientsTable> {
        let place = FilePlace("\(directory)/\(fileName)", in: container)
        return WatchedFile(place, largest: largest) { (bytes) throws(MeterError) in
            try ClientsTable(bytes)
        }
    }

    private struct Table: Decodable {
        var names: [PublicKey: String] = [:]

        init(from decoder: any Decoder) throws {
            if let old = try? decoder.container(keyedBy: AnyKey.self) {
                for key in old.allKeys {
                    add(key.stringValue, (try? old.decode(UserData.self, forKey: key))?.clientName)
                }
                return
            }
            var list = try decoder.unkeyedContainer()
            while !list.isAtEnd {
                let entry = try list.decode(Lenient<Entry>.self).value
                if let entry { add(entry.clientId, entry.userData?.clientName) }
            }
        }

        private mutating func add(_ id: String, _ name: String?) {
            guard let key = PublicKey(base64: id), let name else { return }
            names[key] = ClientName.clean(name)
        }
    }

    private struct Entry: Decodable {
        var clientId: String
        var userData: UserData?
    }

    private struct UserData: Decodable {
        var clientName: String?
    }

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

/// A value that is nil where it cannot be understood.
struct Lenient<Value: Decodable>: Decodable {
    var value: Value?

    init(from decoder: any Decoder) throws { value = try? Value(from: decoder) }
}
