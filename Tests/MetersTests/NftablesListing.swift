import Foundation
import TestSupport

@testable import Meters

/// What `nft -j list ruleset` prints, by what names each counter.
struct NftablesListing {
    /// Packets and bytes of the rules' counters, by table as text and handle.
    private(set) var rules: [String: [[Int]]] = [:]
    /// Of the elements with a counter, by set as text and key.
    private(set) var elements: [String: [Int]] = [:]
    /// Of named counters, and the bytes used of quotas, by name.
    private(set) var objects: [String: [Int]] = [:]

    init(of namespace: Namespace) throws {
        let text = try namespace.run("nft", "-j", "list", "ruleset")
        let whole = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        for entry in whole?["nftables"] as? [[String: Any]] ?? [] {
            if let rule = entry["rule"] as? [String: Any] { add(rule: rule) }
            if let set = (entry["set"] ?? entry["map"]) as? [String: Any] { add(set: set) }
            if let counter = entry["counter"] as? [String: Any] {
                objects["counter/\(counter["name"] ?? "")"] = Self.count(counter)
            }
            if let quota = entry["quota"] as? [String: Any] {
                objects["quota/\(quota["name"] ?? "")"] = [0, quota["used"] as? Int ?? -1]
            }
        }
    }

    /// What it prints for a counter: of a rule with several, all; of a set's comment, all of the set.
    func counts(of counter: FilterCounter) -> [[Int]] {
        if let object = objects["\(counter.key)"] { return [object] }
        guard counter.place.contains("@") else { return rules[counter.listed] ?? [] }
        let wanted = "\(counter.key)".split(separator: "/", maxSplits: 1)[1]
        let isNamed = "\(counter.key)".hasPrefix("comment/")
        return elements.filter { key, _ in
            key.hasPrefix("\(counter.place) ") && (isNamed || key.hasSuffix(" \(wanted)"))
        }.map(\.value)
    }

    private mutating func add(rule: [String: Any]) {
        for expression in rule["expr"] as? [[String: Any]] ?? [] {
            guard let counter = expression["counter"] as? [String: Any] else { continue }
            rules["\(Self.table(rule)):\(rule["handle"] ?? "")", default: []]
                .append(Self.count(counter))
        }
    }

    private mutating func add(set: [String: Any]) {
        for element in set["elem"] as? [Any] ?? [] {
            let wrapped = (element as? [Any])?.first ?? element
            guard let one = (wrapped as? [String: Any])?["elem"] as? [String: Any],
                let counter = one["counter"] as? [String: Any]
            else { continue }
            let key = Self.text(of: one["val"])
            elements["\(Self.table(set)) @\(set["name"] ?? "") \(key)"] = Self.count(counter)
        }
    }

    private static func table(_ entry: [String: Any]) -> String {
        "\(entry["family"] ?? "") \(entry["table"] ?? "")"
    }

    private static func count(_ counter: [String: Any]) -> [Int] {
        [counter["packets"] as? Int ?? -1, counter["bytes"] as? Int ?? -1]
    }

    /// `80`, `1000-1999`, `10.8.1.0/24`, `tcp . 80`.
    private static func text(of value: Any?) -> String {
        guard let parts = value as? [String: Any] else { return "\(value ?? "")" }
        if let range = parts["range"] as? [Any] {
            return range.map { text(of: $0) }.joined(separator: "-")
        }
        if let prefix = parts["prefix"] as? [String: Any] {
            return "\(prefix["addr"] ?? "")/\(prefix["len"] ?? "")"
        }
        return (parts["concat"] as? [Any] ?? []).map { text(of: $0) }.joined(separator: " . ")
    }
}

extension FilterCounter {
    /// The counts as a listing has them.
    var counts: [Int] { [Int(packets), Int(bytes)] }

    /// The table and the rule's handle as a listing has them.
    var listed: String {
        let table = place.split(separator: " ").prefix(2).joined(separator: " ")
        return "\(table):\(identity.split(separator: ":").last ?? "")"
    }

    /// What it counts and which way.
    var said: String { "\(key) \(direction.rawValue) \(families.rawValue)" }
}
