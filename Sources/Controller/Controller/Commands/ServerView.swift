import API

/// Servers as text.
struct ServerView {
    let size: SizeFormat

    func table(_ servers: [ServerInfo]) -> Table {
        var table = Table(
            .number("ID"), .text("NAME"), .text("STATE"), .number("CLIENTS"), .number("SENT"),
            .number("RECEIVED"), .text("LAST PUSH"), .text("MODE"), .text("METERS"))
        for server in servers {
            let meters = server.meters.map { $0.name + ($0.fault == nil ? "" : " (fault)") }
            table.add(
                "\(server.id)", .init(server.name),
                .init(server.state.rawValue, server.state.colour), "\(server.clients)",
                .init(size.text(server.bytesSent)), .init(size.text(server.bytesReceived)),
                .init(server.lastPushAt?.description ?? "never"), .init(server.mode ?? "-"),
                .init(meters.isEmpty ? "-" : meters.joined(separator: ", ")))
        }
        return table
    }

    func details(_ server: ServerInfo, isColoured: Bool) -> String {
        var listing = Listing()
        listing.add("Server", "\(server.id)")
        listing.add("Name", server.name)
        listing.add("State", server.state.rawValue)
        listing.add("Mode", server.mode)
        listing.add("Host", server.hostName)
        listing.add("System", server.system)
        listing.add("Kernel", server.kernel)
        listing.add("Agent", server.agentVersion)
        listing.add("Last contact", server.lastContactAt?.description)
        listing.add("Last push", server.lastPushAt?.description)
        listing.add("Last reading", server.lastSyncAt?.description)
        listing.add("Clock offset", server.clockOffsetMs.map { "\($0) ms" })
        listing.add("Revision", "\(server.revision), enforced \(server.enforcedRevision)")
        listing.add("Clients", "\(server.clients)")
        listing.add("Sent", size.text(server.bytesSent))
        listing.add("Received", size.text(server.bytesReceived))
        listing.add("Quarantined", "\(server.quarantined)")
        listing.add("Added", server.createdAt.description)
        return listing.text + "\n" + meters(of: server).text(isColoured: isColoured)
    }

    private func meters(of server: ServerInfo) -> Table {
        var table = Table(
            .text("METER"), .text("SOURCE"), .number("PORT"), .number("KEYS"), .text("FAULT"))
        for meter in server.meters {
            table.add(
                .init(meter.name), .init(meter.source),
                .init(meter.listenPort.map { "\($0)" } ?? "-"), "\(meter.keys)",
                .init(meter.fault ?? "-", meter.fault == nil ? nil : .red))
        }
        return table
    }
}

extension LinkState {
    fileprivate var colour: Colour {
        switch self {
        case .online: .green
        case .waiting: .yellow
        case .away: .red
        }
    }
}
