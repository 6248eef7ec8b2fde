import Foundation
import Logging
import Server
import Settings

/// The controller's settings: their names, their defaults, and how they are read.
enum ControllerSettings {
    static let usualFile = "/etc/tollkeeper/controller.conf"

    /// How connections over TCP are protected.
    enum TLS: String, CaseIterable {
        case off, auto, files
    }

    static let listen = SettingKey<ListenAddress>(
        "LISTEN", default: "127.0.0.1:8440",
        expected: "HOST:PORT, such as 0.0.0.0:8440 or [::]:8440",
        about: "Where agents and operators connect.", parse: { ListenAddress($0) })
    static let store = SettingKey<String>(
        "STORE", default: nil, expected: "sqlite:PATH, such as sqlite:/srv/tollkeeper.sqlite",
        about: "Where everything is kept.", parse: storePath)
    static let timeZone = SettingKey<TimeZone>(
        "TIME_ZONE", default: nil, expected: "a time zone such as Europe/Berlin or UTC",
        about: "Whose hours, days and months usage is kept in; fixed at the first start.",
        parse: zone)
    static let publicURL = SettingKey<String>(
        "PUBLIC_URL", default: nil, expected: "a URL such as https://vpn.example:8440",
        about: "The address that agents and operators use.", parse: url)
    static let tls = SettingKey<TLS>.choice(
        "TLS", about: "off on loopback and auto elsewhere where nothing is said.")
    static let certificate = SettingKey<String>.string(
        "TLS_CERT", expected: "the path of a PEM file", about: "The certificate with its chain.")
    static let key = SettingKey<String>.string(
        "TLS_KEY", expected: "the path of a PEM file", about: "The certificate's key.")
    static let proxies = SettingKey<[String]>.list(
        "TRUSTED_PROXIES", expected: "addresses or ranges between commas",
        about: "Proxies in front whose word about the caller is taken.")
    static let logLevel = SettingKey<Logger.Level>.choice(
        "LOG_LEVEL", default: .info, about: "The least important messages that are logged.")

    /// Every key, in the order of the reference file.
    static let table = SettingsTable(
        prefix: "TOLLKEEPER_",
        keys: [listen, store, timeZone, publicURL, tls, certificate, key, proxies, logLevel],
        otherVariables: [
            "TOLLKEEPER_AGENT_*", "TOLLKEEPER_TOKEN",
            // What our scripts and the build use.
            "TOLLKEEPER_BIN", "TOLLKEEPER_CACHE", "TOLLKEEPER_PART",
        ])

    private static func storePath(_ text: String) -> String? {
        let path = text.hasPrefix("sqlite:") ? String(text.dropFirst("sqlite:".count)) : ""
        return path.isEmpty ? nil : path
    }

    /// A zone by its place, not by an abbreviation, which would leave out its summer time.
    private static func zone(_ text: String) -> TimeZone? {
        let isName = text.contains("/") || text == "UTC" || text == "GMT"
        return isName ? TimeZone(identifier: text) : nil
    }

    private static func url(_ text: String) -> String? {
        let isURL = text.hasPrefix("https://") || text.hasPrefix("http://")
        return isURL && !text.contains("@") && !text.contains(where: \.isWhitespace) ? text : nil
    }
}

/// A host and a port to listen on.
struct ListenAddress: Hashable {
    /// Without brackets.
    let host: String
    let port: Int

    /// Reads `HOST:PORT`; an IPv6 address stands in brackets. Nil for anything else.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, isBracketed == host.contains(":"),
            !host.contains(where: { $0.isWhitespace || "[]/@".contains($0) })
        else { return nil }
        self.host = String(host)
        self.port = Int(port)
    }
}
