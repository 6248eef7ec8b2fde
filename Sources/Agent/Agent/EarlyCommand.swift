import Accounting
import ArgumentParser
import Glibc
import Ledger
import Meters

struct EarlyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "early",
        abstract: "Drop what is shut before the network starts, and end.",
        discussion: """
            At a boot interfaces come up with every peer that their files name, also with shut ones, \
            until the agent runs. So their tunnel addresses, and ports that are shut or counted, go \
            into the table inet tollkeeper before that, as the ledger has them. The unit \
            tollkeeper-agent-early runs this.
            """)

    @OptionGroup var place: PlaceOptions

    func run() throws {
        let options = try place.load()
        let path = "\(options.stateFolder)/ledger.sqlite"
        guard options.mode == .enforce, access(path, F_OK) == 0 else { return }
        // A running agent does it itself, and counts more than its ledger knows of.
        let lock: StateLock
        do { lock = try StateLock.take(in: options.stateFolder) } catch { return }
        let content = EarlyContent.make(
            wishes: try Ledger.desired(at: path), kept: try Ledger.keptOut(at: path),
            controllers: (try? Identity.joined(in: options.stateFolder))?.controllers ?? [],
            options)
        if !content.isEmpty { try OwnTable.open().apply(content) }
        _ = consume lock
    }
}

/// What stands in the agent's own table before anything is read.
enum EarlyContent {
    /// Makes it from what the ledger has and the interfaces' files say.
    static func make(
        wishes: [DesiredAccess], kept: [KeptOutKey], controllers: [String] = [],
        _ options: AgentOptions
    ) -> OwnContent {
        let ports = wishes.filter { $0.meter.kind == .ports && $0.meter.place == nil }
        let guarded = ProtectedPorts(controllers: controllers, meters: [:])
        let plan = PortPlan(
            for: ports, named: options.ports.all, keeping: [], observing: false,
            protection: guarded.reason)
        var content = OwnContent(counted: plan.counted, shut: plan.shut)
        var names = InterfaceNames()
        let saved = Dictionary(grouping: kept, by: \.meter)
        for (meter, wishes) in Dictionary(grouping: wishes, by: \.meter) {
            let shut = Set(wishes.filter(\.access.isShut).map(\.key))
            guard meter.place == nil, meter.kind == .wireguard || meter.kind == .amneziawg,
                !shut.isEmpty
            else { continue }
            let settings = (saved[meter] ?? []).filter { shut.contains($0.key) }
                .compactMap { SettingsCodec.decode($0.settings, of: $0.key) }
            let unknown = shut.subtracting(settings.map(\.key))
            let ranges =
                settings.flatMap(\.addresses)
                + unknown.flatMap { names.settings(of: $0, at: meter, options)?.addresses ?? [] }
            let drops = DropSet(
                at: meter.device, shut: ranges,
                open: names.addresses(without: shut, at: meter, options))
            content.dropped.formUnion(drops.dropped)
            content.spared.formUnion(drops.spared)
        }
        return content
    }
}
