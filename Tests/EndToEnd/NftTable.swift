import Foundation
import TestSupport

/// The agent's own table, as `nft` itself shows it.
enum NftTable {
    /// Bytes that came to and went from a port, `tcp/8443`, both families together.
    static func total(of key: String) throws -> Total {
        try totals()[key] ?? Total(sent: 0, received: 0)
    }

    /// The same of every port that is counted, in a namespace, or this process's own.
    static func totals(in place: Namespace? = nil) throws -> [String: Total] {
        let words = ["nft", "-j", "list", "table", "inet", "tollkeeper"]
        let text = try Command.run(place?.inside(words) ?? words)
        let listing = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        var totals: [String: Total] = [:]
        for case let object as [String: Any] in listing?["nftables"] as? [Any] ?? [] {
            guard let set = object["set"] as? [String: Any], let name = set["name"] as? String
            else { continue }
            for case let element as [String: Any] in set["elem"] as? [Any] ?? [] {
                guard let inner = element["elem"] as? [String: Any],
                    let value = (inner["val"] as? [String: Any])?["concat"] as? [Any],
                    let counter = inner["counter"] as? [String: Any],
                    let bytes = counter["bytes"] as? Int64
                else { continue }
                let key = value.suffix(2).map { "\($0)" }.joined(separator: "/")
                let isOut = name.contains("out")
                var total = totals[key] ?? Total(sent: 0, received: 0)
                if isOut { total.received += bytes } else { total.sent += bytes }
                totals[key] = total
            }
        }
        return totals
    }
}
