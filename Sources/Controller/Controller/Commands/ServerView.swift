import API

/// Servers as text.
struct ServerView {
    let size: SizeFormat

    func table(_ servers: [ServerInfo]) -> Table {
        var table = Table(
            .number("ID"), .text("NAME"), .text("STATE"), .number("CLIENTS"), .number("SENT"),
            .number("RECEIVED"), .text("LAST PUSH"), .text("MODE"), .text("METERS"))
        for server in servers {
            let meters = server.meters.map { meter in
                meter.name + (meter.fault == nil ? "" : " (fault)")
                    + (meter.contested == nil ? "" : " (contested)")
            }
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
        for meter in server.meters {
            let text = meter.contested.map { "\(meter.name): \($0); its totals are lower bounds" }
            listing.add("Contested", text)
        }
        return listing.text + notices(of: server).map { "\n\($0)\n" }.joined()
            + reopened(of: server, isColoured: isColoured) + "\n"
            + meters(of: server).text(isColoured: isColoured)
    }

    /// What an operator should know, in sentences, with what to do.
    private func notices(of server: ServerInfo) -> [String] {
        var notices: [String] = []
        if let seen = server.cloneSeenAt {
            notices.append(
                """
                A clone or an old copy of this server's ledger called at \(seen) and was refused: let \
                that host join anew, with the token that `tollkeeper server add NAME` prints.
                """)
        }
        switch server.recovery {
        case .desiredSet:
            notices.append(
                """
                The agent goes by a desired state that this controller does not know, as after a \
                restore from an old backup: it has been asked for it, and nothing is opened there.
                """)
        case .usage:
            notices.append(
                """
                The agent is sending what it counted and this controller has lost: until that is \
                complete nothing is opened there.
                """)
        case nil: break
        }
        return notices
    }

    private func reopened(of server: ServerInfo, isColoured: Bool) -> String {
        guard !server.reopenedSinceBackup.isEmpty else { return "" }
        var table = Table(.text("CLIENT"), .number("CREDENTIAL"), .text("METER"), .text("KEY"))
        for credential in server.reopenedSinceBackup {
            table.add(
                .init(credential.client), "\(credential.id)", .init(credential.meter),
                .init(credential.key))
        }
        return """

            Opened since the backup, and shut again until you restore or revoke the client:
            \(table.text(isColoured: isColoured))
            """
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
