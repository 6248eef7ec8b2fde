import Accounting
import Meters

extension FuzzTarget {
    /// What rewrites files that belong to others.
    static let rewriteTargets = [
        FuzzTarget("configuration-rewrite", configurationRewrite),
        FuzzTarget("clients-table", clientsTable),
    ]

    private static func configurationRewrite(_ bytes: [UInt8]) throws {
        for isShared in [false, true] {
            let rewrite = ConfigurationRewrite(isSharedWithAmnezia: isShared)
            let asked = rewrite.apply(to: bytes) { _ in nil }
            try FuzzFinding.unless(asked.bytes == bytes, "it changes what nobody asked it to")
            let open = rewrite.apply(to: bytes) { _ in .open }.bytes
            let shut = rewrite.apply(to: open) { _ in .shut }
            let again = rewrite.apply(to: shut.bytes) { _ in .shut }
            try FuzzFinding.unless(again.bytes == shut.bytes, "shutting what is shut changes it")
            try FuzzFinding.unless(
                shut.bytes.count >= open.count, "commenting out makes the file shorter")
            try checkAbsent(shut)
            let back = rewrite.apply(to: shut.bytes) { _ in .open }
            guard shut.problems.isEmpty, back.problems.isEmpty else { continue }
            try FuzzFinding.unless(back.bytes == open, "what was shut does not come back as it was")
            _ = rewrite.apply(to: shut.bytes) { _ in .deleted }
        }
    }

    /// What is commented out is no peer any more, unless the file names it elsewhere, too.
    private static func checkAbsent(_ result: ConfigurationRewrite.Result) throws {
        guard result.problems.isEmpty else { return }
        let present = InterfaceConfiguration(result.bytes).peers.filter { $0.value.settings != nil }
        for key in result.shut {
            try FuzzFinding.unless(present[key] == nil, "\(key) is shut and a peer all the same")
        }
    }

    private static func clientsTable(_ bytes: [UInt8]) throws {
        let names = try refusing(MeterError.self) { try ClientsTable(bytes).names } ?? [:]
        let gone = Set(names.keys.map(\.base64).sorted().prefix(1))
        let left = try refusing(ClientsTableRewrite.Malformed.self) {
            try ClientsTableRewrite.removing(gone, from: bytes)
        }
        guard let left else { return }
        try FuzzFinding.unless(left.count <= bytes.count, "removing makes the table longer")
        try FuzzFinding.unless(!gone.isEmpty || left == bytes, "it changes what nobody asked it to")
        let again = try ClientsTableRewrite.removing(gone, from: left)
        try FuzzFinding.unless(again == left, "a client is there still")
        guard !names.isEmpty else { return }
        let read = try ClientsTable(left).names
        try FuzzFinding.unless(
            read == names.filter { !gone.contains($0.key.base64) }, "others' names are changed")
    }
}
