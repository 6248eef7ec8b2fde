import Accounting
import HostFiles
import Ledger
import Meters

/// What the agent keeps in configuration files, and how far that is.
struct Persistence {
    /// One meter's file.
    struct File {
        /// Where it was when it was last looked at.
        var place: ConfigurationPlace?
        /// What was wanted of its keys when it was last brought to that.
        var wanted: [PublicKey: Access] = [:]
        /// The file and Amnezia's table beside it, as they were then.
        var stamps: [FileStamp?] = []
        /// What could not be done; it is tried again at each reading.
        var faults: [String] = []
        /// What an operator should know of the file.
        var note: String?
        /// Files that were replaced lately, and when, in nanoseconds since boot.
        var edits: [(edit: FileEdit, at: UInt64)] = []

        /// Notes where the file is. What was replaced below another root is brought into the file
        /// of the same name below this one.
        mutating func move(to place: ConfigurationPlace) {
            defer { self.place = place }
            guard let root = self.place?.file.root, root != place.file.root else { return }
            for (edit, _) in edits {
                edit.location = FileLocation(edit.location.path, root: place.file.root)
            }
            stamps = []
        }
    }

    /// How long a replaced file is looked at: others may have had it open.
    static let watch: UInt64 = 60_000_000_000

    var files: [MeterName: File] = [:]
    var roots = ContainerRoots()
    /// Blocks that are commented out, as the ledger has them.
    var noted: Set<CommentedBlock> = []
    /// Whether what can wait is put off for now: somebody waits for the outcome.
    var putsOff = false
    /// Meters whose files were put off, and what is not fulfilled there.
    var putOff: [MeterName: [UnmetWish]] = [:]
    /// Readings that the inventory was not brought up to yet.
    var unnoted: [MeterName: MeterReading] = [:]

    /// What is wanted of the keys of one meter's file: the newest wish counts. A key whose peer
    /// cannot be let in again now stays as it is.
    static func wanted(
        _ wishes: [DesiredAccess], unmet: [UnmetWish]
    ) -> [PublicKey: Access] {
        let waiting = Set(unmet.filter { $0.code.mayPass }.map(\.credential))
        var wanted: [PublicKey: Access] = [:]
        for wish in wishes.sorted(by: { $0.revision < $1.revision }) {
            guard case .publicKey(let key) = wish.key else { continue }
            let isHeld = !wish.access.isShut && waiting.contains(wish.credential)
            wanted[key] = isHeld ? nil : wish.access
        }
        return wanted
    }

    /// Whether `meter` is the one that its file belongs to: of several devices with one name, in
    /// several namespaces, the host's own.
    static func owns(_ meter: MeterName, among all: some Sequence<MeterName>) -> Bool {
        !all.contains { other in
            other.kind == meter.kind && other.device == meter.device
                && (other.place ?? "") < (meter.place ?? "")
        }
    }
}

extension UnmetWish.Code {
    /// Whether the wish is tried again by itself.
    fileprivate var mayPass: Bool {
        switch self {
        case .addressTaken, .failed, .unread: true
        case .gone, .needsNewKey, .observe, .protected: false
        }
    }
}
