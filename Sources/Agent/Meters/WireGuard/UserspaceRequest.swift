internal import Accounting

/// The requests of the userspace API, as bytes to send. Several may stand behind each other.
struct UserspaceRequest {
    private(set) var bytes: [UInt8] = []

    /// Asks for the device and all its peers.
    mutating func get() {
        add("get=1\n\n")
    }

    /// Removes peers; unknown ones are fine.
    mutating func remove(_ keys: [PublicKey]) {
        add("set=1\n")
        for key in keys {
            add("public_key=\(key.hexadecimal)\nremove=true\n")
        }
        add("\n")
    }

    /// Takes every allowed IP from peers; unknown ones are not made.
    mutating func empty(_ keys: [PublicKey]) {
        add("set=1\n")
        for key in keys {
            add("public_key=\(key.hexadecimal)\nupdate_only=true\nreplace_allowed_ips=true\n")
        }
        add("\n")
    }

    /// Makes peers as `settings` say, whether they are there or not.
    mutating func put(_ settings: ArraySlice<(key: PublicKey, settings: PeerSettings)>) {
        add("set=1\n")
        for (key, settings) in settings {
            add("public_key=\(key.hexadecimal)\n")
            add("preshared_key=\(settings.presharedKey?.hexadecimal ?? Self.noPresharedKey)\n")
            add("persistent_keepalive_interval=\(settings.keepalive)")
            add(settings.longestKeepalive.map { "-\($0)\n" } ?? "\n")
            if let endpoint = settings.endpoint, Self.isNumeric(endpoint) {
                add("endpoint=\(endpoint)\n")
            }
            add("replace_allowed_ips=true\n")
            for address in settings.addresses {
                add("allowed_ip=\(address)\n")
            }
        }
        add("\n")
    }

    private static let noPresharedKey = String(repeating: "0", count: PublicKey.byteCount * 2)

    /// The daemon resolves no names, and refuses a whole request for one. A client that is not
    /// called by its endpoint makes it known with its next packet.
    private static func isNumeric(_ endpoint: String) -> Bool {
        let bytes = Array(endpoint.utf8)
        return UserspaceText.isEndpoint(bytes.span.bytes, 0..<bytes.count)
    }

    private mutating func add(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }
}
