internal import Accounting

/// Reads a configuration file line by line.
struct ConfigurationParser {
    private var configuration = InterfaceConfiguration()
    private var number = 0
    private var section = Section.none
    private var block = Block()
    private var names = ConfigurationNames()
    private var isShut = false

    private enum Section {
        case none, other, peer
    }

    /// The `[Peer]` block being read.
    private struct Block {
        var line = 0
        var key: PublicKey?
        var presharedKey: PublicKey?
        var addresses: [AddressRange] = []
        var keepalive: UInt16 = 0
        var longestKeepalive: UInt16?
        var advancedSecurity = false
        var endpoint: String?
        var isBroken = false
    }

    /// Takes the next line, without its line feed.
    mutating func take(_ line: String) {
        number += 1
        let text = line.trimmed()
        guard !text.isEmpty else { return names.blankLine() }
        guard text.first != "#" else { return names.comment(text) }
        let parts = text.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let words = String(parts[0]).trimmed()
        let comment = parts.count == 2 ? String(parts[1]) : nil
        if words.first == "[" {
            header(words, comment: comment)
        } else {
            setting(words, comment: comment)
        }
    }

    /// Takes Tollkeeper's mark above a block that it commented out.
    mutating func startShut() {
        number += 1
        close()
        isShut = true
    }

    /// Takes the mark below it. What follows belongs to no block until the next header.
    mutating func endShut() {
        number += 1
        names.blankLine()
        close()
        section = .none
        isShut = false
    }

    /// What the file says, once its last line was taken.
    mutating func finish() -> InterfaceConfiguration {
        names.blankLine()
        close()
        return configuration
    }

    private mutating func header(_ words: String, comment: String?) {
        close()
        names.startSection()
        switch words.lowercased() {
        case "[peer]":
            section = .peer
            block = Block(line: number)
            names.startPeer(comment: comment)
        case "[interface]": section = .other
        default:
            section = .other
            configuration.report(number, "is a section other than [Interface] and [Peer]")
        }
    }

    private mutating func setting(_ words: String, comment: String?) {
        let parts = words.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let key = String(parts[0]).trimmed().lowercased()
        names.setting(comment: key == "publickey" ? comment : nil)
        guard section != .none else {
            return configuration.report(number, "stands before the first section")
        }
        guard parts.count == 2 else { return refuse("is not KEY = VALUE") }
        let value = String(parts[1]).trimmed()
        guard section == .peer else {
            if key == "saveconfig" { configuration.isSavedAtDown = value.lowercased() == "true" }
            return
        }
        fill(key, value)
    }

    private mutating func fill(_ key: String, _ value: String) {
        switch key {
        case "publickey":
            block.key = PublicKey(base64: value)
            if block.key == nil { refuse("has a PublicKey that is not 32 bytes of base64") }
        case "presharedkey":
            let secret = PublicKey(base64: value)
            if secret == nil { refuse("has a PresharedKey that is not 32 bytes of base64") }
            block.presharedKey = secret?.isZero == true ? nil : secret
        case "allowedips": addAddresses(value)
        case "persistentkeepalive": setKeepalive(value)
        case "advancedsecurity": block.advancedSecurity = value.lowercased() == "on"
        case "endpoint":
            // Not worth refusing a peer for: a client makes it known with its next packet.
            block.endpoint = value.contains(":") ? value : nil
            if block.endpoint == nil {
                configuration.report(number, "has an Endpoint that is not HOST:PORT")
            }
        default: configuration.report(number, "has a setting that a [Peer] does not have")
        }
    }

    /// A number, `off`, or AmneziaWG's range `25-30`.
    private mutating func setKeepalive(_ value: String) {
        let text = value.lowercased() == "off" ? "0" : value
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1] else {
            return refuse("has a PersistentKeepalive that is no number of seconds")
        }
        block.keepalive = first
        block.longestKeepalive = last > first ? last : nil
    }

    private mutating func addAddresses(_ value: String) {
        for part in value.split(separator: ",") {
            let text = String(part).trimmed()
            guard !text.isEmpty else { continue }
            guard let address = AddressRange(text) else {
                return refuse("has AllowedIPs that are not ADDRESS/PREFIX, …")
            }
            block.addresses.append(address)
        }
    }

    private mutating func refuse(_ reason: String) {
        block.isBroken = true
        configuration.report(number, reason)
    }

    private mutating func close() {
        guard section == .peer else { return }
        section = .none
        let name = names.endPeer()
        guard let key = block.key else {
            return configuration.report(block.line, "starts a [Peer] without a PublicKey")
        }
        let earlier = isShut ? configuration.shut[key] : configuration.peers[key]
        if earlier != nil {
            configuration.report(block.line, "starts a second [Peer] with the same PublicKey")
        }
        let peer = InterfaceConfiguration.Peer(
            name: name ?? earlier?.name, settings: block.isBroken ? nil : settings(of: key))
        if isShut { configuration.shut[key] = peer } else { configuration.peers[key] = peer }
    }

    private func settings(of key: PublicKey) -> PeerSettings {
        var settings = PeerSettings(
            key: .publicKey(key), presharedKey: block.presharedKey, addresses: block.addresses,
            keepalive: block.keepalive, endpoint: block.endpoint)
        settings.longestKeepalive = block.longestKeepalive
        settings.advancedSecurity = block.advancedSecurity
        return settings
    }
}

extension String {
    /// The text without white space at its ends.
    func trimmed() -> String {
        let head = drop { $0.isWhitespace }
        guard let last = head.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(head[...last])
    }
}
