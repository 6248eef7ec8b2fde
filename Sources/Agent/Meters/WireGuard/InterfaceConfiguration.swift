public import Accounting

/// What an interface's configuration file says of its peers.
///
/// The reader takes what it can: case, spaces, CRLF and comments do not matter, and what cannot
/// be understood is a problem of its line, not of the file.
public struct InterfaceConfiguration: Sendable {
    /// One `[Peer]` block.
    public struct Peer: Sendable {
        /// What the file calls the client, by `ConfigurationName`'s order; nil for no name.
        public var name: String?
        /// How the block sets the peer up; nil where one of its lines cannot be understood, so
        /// that nobody is put back with less than they had. Holds a secret: never log it.
        public var settings: PeerSettings?
    }

    /// A line that was not understood.
    public struct Problem: Hashable, Sendable, CustomStringConvertible {
        /// Counted from 1.
        public var line: Int
        /// What is wrong, as the end of "line N …". It never quotes a value.
        public var reason: String
        /// For people.
        public var description: String { "line \(line) \(reason)" }
    }

    /// The blocks that have a public key. Where two have the same, the later one's settings count.
    public internal(set) var peers: [PublicKey: Peer] = [:]
    /// The blocks that Tollkeeper commented out, by their public keys.
    public internal(set) var shut: [PublicKey: Peer] = [:]
    /// Whether `wg-quick` writes the file anew from the running interface when that goes down.
    public internal(set) var isSavedAtDown = false
    /// What was not understood, in the order of the file; at most 100.
    public internal(set) var problems: [Problem] = []

    static let mostProblems = 100

    /// Reads the bytes of a file.
    public init(_ bytes: some Collection<UInt8>) {
        let layout = ConfigurationLayout(Array(bytes))
        var parser = ConfigurationParser()
        var shut = layout.shutBlocks[...]
        for index in layout.lines.indices {
            guard let block = shut.first, block.lines.contains(index) else {
                parser.take(String(decoding: layout.text(index), as: UTF8.self))
                continue
            }
            if index == block.lines.lowerBound {
                parser.startShut()
            } else if index == block.lines.upperBound {
                parser.endShut()
                shut = shut.dropFirst()
            } else {
                let line = block.opening.uncommented(layout.text(index))
                parser.take(String(decoding: line, as: UTF8.self))
            }
        }
        self = parser.finish()
    }

    init() {}

    mutating func report(_ line: Int, _ reason: String) {
        guard problems.count < Self.mostProblems else { return }
        problems.append(Problem(line: line, reason: reason))
    }
}

/// An interface's configuration file, read again only when it has changed.
public final class ConfigurationFile {
    /// Where the file is, if there is one.
    public var place: FilePlace { file.place }
    /// Its path, from the container's root where it is in one.
    public var path: String { place.path }

    /// How often it was read so far: what it says may be something else after each.
    public var version: Int { file.version }

    private let file: WatchedFile<InterfaceConfiguration>
    private static let largest = 64 << 20

    /// Names the file of `device` in `directory`, on this host or in a container.
    public init(
        device: String, directory: String = "/etc/wireguard", in container: Container? = nil
    ) {
        file = WatchedFile(
            FilePlace("\(directory)/\(device).conf", in: container), largest: Self.largest
        ) { (bytes) throws(MeterError) in InterfaceConfiguration(bytes) }
    }

    /// What the file says now; nil where there is none.
    ///
    /// Throws `denied` or `failed` for a file that is there and cannot be read; what was read
    /// before is then forgotten.
    public func current() throws(MeterError) -> InterfaceConfiguration? { try file.current() }
}
