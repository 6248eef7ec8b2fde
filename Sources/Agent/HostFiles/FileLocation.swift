/// What `/` stands for in paths and in symbolic links: this host's root or another folder.
public final class FileRoot: Hashable, Sendable {
    /// The folder, as this process reaches it.
    public let path: String
    /// Whose root it is, as people call it.
    public let owner: String
    private let holder: (any Sendable)?

    /// Names a root. `holder` is kept for as long as the root is: `path` may mean something else
    /// without it.
    public init(_ path: String, of owner: String, holding holder: (any Sendable)? = nil) {
        self.path = path
        self.owner = owner
        self.holder = holder
    }

    /// Whether both are the very same: one path may mean two folders at two times.
    public static func == (left: FileRoot, right: FileRoot) -> Bool { left === right }

    /// Hashes which root it is.
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// Where a file is: a path below a root.
public struct FileLocation: Hashable, Sendable, CustomStringConvertible {
    /// What `/` stands for in `path` and in symbolic links; nil for this host's own root.
    public var root: FileRoot?
    /// The path, starting with `/`.
    public var path: String

    /// Names a file of the host, or of what has a root of its own.
    public init(_ path: String, root: FileRoot? = nil) {
        self.path = path
        self.root = root
    }

    /// The path, and whose it is where it is not this host's.
    public var description: String { root.map { "\(path) in \($0.owner)" } ?? path }

    /// The file of that name in the same folder.
    public func sibling(_ name: String) -> FileLocation {
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? "/"
        return FileLocation(folder + name, root: root)
    }
}
