internal import Glibc

/// A replaced file, still open: who had opened it before may write into it even now.
public final class FileEdit {
    /// The file. Whoever finds it below another root by now may say so: a container's that was
    /// started anew.
    public var location: FileLocation
    /// What it said before.
    public private(set) var before: [UInt8]
    /// What it said after.
    public let after: [UInt8]

    private let old: HeldFile

    init(_ location: FileLocation, replacing old: HeldFile, by bytes: [UInt8]) {
        self.location = location
        self.old = old
        before = old.bytes
        after = bytes
        old.endLease()
    }

    /// What somebody wrote into the replaced file since; nil for nothing.
    private func late() throws(FileError) -> [UInt8]? {
        let doing = "read what \(location) was before"
        let status = try old.descriptor.status(doing: doing)
        guard FileStamp(status) != old.stamp else { return nil }
        let bytes = try old.descriptor.contents(limit: HeldFile.largest, doing: doing)
        return bytes == before ? nil : bytes
    }

    /// Brings into the file what somebody wrote into the replaced one. `change` is made anew.
    ///
    /// Returns the new edit; nil where nobody wrote. Throws `conflict` where it cannot be brought
    /// in; it is then kept beside the file.
    public func rescue(
        _ change: ([UInt8]) -> [UInt8]?
    ) throws(FileError) -> FileEditor.Outcome? {
        guard let late = try late() else { return nil }
        var isMerged = false
        let outcome = try FileEditor.edit(location) { current in
            guard let merged = merge(late, current) else { return nil }
            isMerged = true
            return change(merged) ?? merged
        }
        before = late
        guard isMerged else { try keep(late) }
        return outcome
    }

    /// What was only added can be added to whatever the file says by now.
    private func merge(_ late: [UInt8], _ current: [UInt8]) -> [UInt8]? {
        if current == after { return late }
        guard late.starts(with: before) else { return nil }
        return current + late[before.count...]
    }

    private func keep(_ late: [UInt8]) throws(FileError) -> Never {
        let doing = "bring in what somebody wrote into \(location)"
        let real = try RealPlace.find(location, doing: doing)
        let name = SwapName.unfinished(of: real.name)
        do {
            let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW
            let file = try Descriptor.open(
                name, in: real.folder.number, flags, mode: 0o600, doing: doing)
            try file.write(late, doing: doing)
        }
        try Leftovers(real, doing: doing).save(name)
    }
}
