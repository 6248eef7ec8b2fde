import ArgumentParser
import Logging
import Server
import ServiceLifecycle
import Settings
import UnixSignals

/// `tollkeeper serve`
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Runs the controller.",
        discussion: """
            Settings come from /etc/tollkeeper/controller.conf, are overridden by the environment \
            (TOLLKEEPER_LISTEN, …), and both by these options.
            """)

    @Option(
        help: ArgumentHelp("Where to listen (default: 127.0.0.1:8440).", valueName: "HOST:PORT"))
    var listen: String?

    @Option(
        help: ArgumentHelp(
            "The store, as sqlite:PATH (default: store.sqlite in the state directory).",
            valueName: "URL"))
    var store: String?

    @Option(
        name: .customLong("state-dir"),
        help: ArgumentHelp(
            "Where the controller keeps its files (default: $STATE_DIRECTORY, "
                + "/var/lib/tollkeeper).", valueName: "DIR"))
    var stateDirectory: String?

    @Option(
        help: ArgumentHelp(
            "off, auto (a certificate of its own) or files (default: off on loopback, auto "
                + "elsewhere).", valueName: "MODE"))
    var tls: String?

    @Option(
        help: ArgumentHelp(
            "The certificate with its chain, for --tls files.",
            valueName: "FILE"))
    var tlsCert: String?

    @Option(help: ArgumentHelp("The certificate's key, for --tls files.", valueName: "FILE"))
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            "The settings (default: /etc/tollkeeper/controller.conf).",
            valueName: "FILE"))
    var config: String?

    func run() async throws {
        let status = await execute(in: .live)
        if status != 0 { throw ExitCode(status) }
    }

    /// Runs until a signal or cancellation; answers the exit status.
    func execute(in world: World) async -> Int32 {
        do {
            try await serve(in: world)
            return 0
        } catch let error as SettingsError {
            world.complain(error.description)
            return CommandFailure.Status.usage.rawValue
        } catch {
            world.complain("\(error)")
            return CommandFailure.Status.failed.rawValue
        }
    }

    private func serve(in world: World) async throws {
        let configuration = try ServeConfiguration(
            flags: flags, stateDirectory: stateDirectory, file: config, in: world)
        var logger = Logger(label: "tollkeeper") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = configuration.logLevel
        let controller = try await ControllerServices.makeServices(
            options: configuration.options, logger: logger, environment: world.environment)
        let group = ServiceGroup(
            configuration: .init(
                services: controller.services, gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger))
        async let greeting: Void = greet(controller, in: world)
        try await group.run()
        _ = try? await greeting
    }

    /// What was given on the command line, by the settings' names.
    private var flags: [String: String] {
        let given = [
            "LISTEN": listen, "STORE": store, "TLS": tls, "TLS_CERT": tlsCert, "TLS_KEY": tlsKey,
        ]
        return given.compactMapValues { $0 }
    }

    /// Says where the controller is, once it is there.
    private func greet(_ controller: ControllerServices, in world: World) async throws {
        let url = try await controller.listeningURL()
        var text =
            "Tollkeeper \(Version.current) listens on \(url) and on \(controller.socketPath).\n"
        if let pin = controller.pin {
            text += "Its key's pin, for `tollkeeper --controller URL --pin`: \(pin)\n"
        }
        world.out(text)
    }
}
