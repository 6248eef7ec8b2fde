import Logging
import Server
import Settings

/// What `serve` was told, by its flags, the environment and the file.
struct ServeConfiguration {
    let options: ServeOptions
    let logLevel: Logger.Level

    /// Reads it all; throws `SettingsError` for what is wrong, before anything is touched.
    ///
    /// A file that is named must be there; the usual one need not be.
    init(
        flags: [String: String], stateDirectory: String?, file: String?, in world: World
    ) throws(SettingsError) {
        typealias Keys = ControllerSettings
        let settings = try SettingsFile.read(file ?? Keys.usualFile, mustExist: file != nil)
        let values = try SettingsValues(
            Keys.table, flags: flags, environment: world.environment, file: settings)
        var options = ServeOptions()
        let listen = try values.required(Keys.listen)
        options.listenHost = listen.host
        options.listenPort = listen.port
        options.tls = try Self.tls(values)
        options.storePath = try values.optional(Keys.store)
        options.timeZone = try values.optional(Keys.timeZone)
        options.stateDirectory = Place.stateDirectory(stateDirectory, in: world)
        options.publicURL = try values.optional(Keys.publicURL)
        options.trustedProxies = try values.required(Keys.proxies)
        self.options = options
        logLevel = try values.required(Keys.logLevel)
    }

    /// Nil where nothing is said.
    private static func tls(_ values: SettingsValues) throws(SettingsError) -> ServeOptions.TLS? {
        typealias Keys = ControllerSettings
        let mode = try values.optional(Keys.tls)
        if mode == .files {
            return .files(
                certificate: try values.required(Keys.certificate),
                key: try values.required(Keys.key))
        }
        for key in [Keys.certificate, Keys.key] {
            guard let place = values.place(of: key) else { continue }
            throw SettingsError(.wrong, at: place, "\(key.name) needs TLS=files (--tls files) too")
        }
        switch mode {
        case .off: return .off
        case .auto: return .auto
        case .files, nil: return nil
        }
    }
}
