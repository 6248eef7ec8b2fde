import Foundation
import TestSupport

/// The agent's own table, as `nft` itself shows it.
enum NftTable {
    /// Bytes that came to and went from a port, `tcp/8443`, both families together.
    static func total(of key: String) throws -> Total {
        let parts = key.split(separator: "/").map(String.init)
        let text = try Command.run("nft", "-j", "list", "table", "inet", "tollkeeper")
        let listing = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        var total = Total(sent: 0, received: 0)
        for case let object as [String: Any] in listing?["nftables"] as? [Any] ?? [] {
            guard let set = object["set"] as? [String: Any], let name = set["name"] as? String
            else { continue }
            for case let element as [String: Any] in set["elem"] as? [Any] ?? [] {
                guard let inner = element["elem"] as? [String: Any],
                    let value = (inner["val"] as? [String: Any])?["concat"] as? [Any],
                    let counter = inner["counter"] as? [String: Any],
                    let bytes = counter["bytes"] as? Int64,
                    value.map({ "\($0)" }).suffix(2) == parts[...]
                else { continue }
                if name.contains("out") { total.received += bytes } else { total.sent += bytes }
            }
        }
        return total
    }
}
