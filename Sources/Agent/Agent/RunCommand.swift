import Accounting
import ArgumentParser
import FoundationEssentials
import Ledger
import Logging
import Meters
import ServiceLifecycle
import Systemd
import UnixSignals

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Meter this host and enforce access: the daemon.")

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let options = try place.load()
        let logger = AgentLog.start(level: options.logLevel)
        try Files.makeFolder(options.stateFolder)
        let lock = try StateLock.take(in: options.stateFolder)
        let identity = try Identity.joined(in: options.stateFolder)
        let daemon = try Daemon(identity: identity, options: options, logger: logger)
        let file = place.config
        try await daemon.run(reload: { try AgentSettings.load(file: file) })
        _ = consume lock
    }
}

/// The agent's services, put together.
struct Daemon {
    let identity: Identity
    let keeper: Keeper
    let link: ControllerLink
    let state = LinkState()
    let sender = Wakeup()
    let options: AgentOptions
    let logger: Logger

    init(identity: Identity, options: AgentOptions, logger: Logger) throws {
        var identity = identity
        if !options.controllers.isEmpty { identity.controllers = options.controllers }
        self.identity = identity
        self.options = options
        self.logger = logger
        let instance = Hexadecimal.encode(RandomBytes.make(16))
        let ledger = try LedgerFolder.open(options.stateFolder, identity, instance: instance)
        logger.notice(
            "tollkeeper-agent \(version) as \(identity.name), ledger \(ledger.id), start \(ledger.start)"
        )
        let (id, start) = (ledger.id, ledger.start)
        let keeper = try Keeper(
            ledger: ledger, clock: HostClock.open(), options: options, logger: logger,
            executor: ThreadExecutor(), controllers: identity.controllers, table: HostTable())
        self.keeper = keeper
        link = ControllerLink(
            identity: identity, ledger: id, start: start, instance: instance,
            transport: try ControllerLink.transport(pins: identity.pins, proxy: options.proxy),
            newestBatch: { try await keeper.newestBatch() })
    }

    /// Runs until SIGTERM or SIGINT, then takes a last reading and sends it.
    func run(reload: @escaping @Sendable () throws -> AgentOptions) async throws {
        let uplink = Uplink(
            keeper: keeper, link: link, state: state, logger: logger, wakeup: sender)
        let status = StatusSocket(path: StatusSocket.path(in: options.stateFolder)) {
            [keeper, identity, state] in
            await AgentStatus.encoded { try await keeper.status(identity, state) }
        }
        let sampler = Sampler(keeper: keeper, sender: sender)
        let containers = ContainerWatch(
            keeper: keeper, finder: ContainerFinder(socket: options.dockerSocket),
            sampler: sampler.wakeup)
        await containers.look()
        let group = ServiceGroup(
            services: [
                status,
                notifier,
                Reloader(keeper: keeper, logger: logger, load: reload),
                uplink,
                DesiredWatch(
                    keeper: keeper, link: link, state: state, logger: logger, sender: sender,
                    sampler: sampler.wakeup),
                containers,
                sampler,
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: AgentLog.quiet)
        try await group.run()
        await keeper.cycle()
        do {
            try await uplink.exchange(timeout: .seconds(5))
        } catch {
            logger.notice("\(error); what was counted is kept and sent at the next start")
        }
    }
}

extension Daemon {
    /// Tells systemd that the agent runs once the first readings were taken, and that it lives as
    /// long as they go on.
    private var notifier: SystemdNotifier {
        SystemdNotifier(
            environment: ProcessInfo.processInfo.environment, logger: logger,
            ready: { [keeper] in
                while await keeper.lastCycle == nil { try await Task.sleep(for: .milliseconds(50)) }
            },
            check: { [keeper] in
                guard await keeper.isAlive else {
                    throw AgentError(
                        doing: "read this host's meters", reason: "the last reading is too old")
                }
            })
    }
}

/// Reads the settings again on SIGHUP; broken ones are told and the old ones stay.
struct Reloader: Service {
    let keeper: Keeper
    let logger: Logger
    let load: @Sendable () throws -> AgentOptions

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in await UnixSignalsSequence(trapping: .sighup) {
                do {
                    await keeper.apply(try load())
                    logger.notice("the settings were read again")
                } catch {
                    logger.error("\(error); the old settings stay")
                }
            }
        }
    }
}
