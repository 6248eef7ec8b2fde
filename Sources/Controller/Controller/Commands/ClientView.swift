import API

/// Clients as text.
struct ClientView {
    let size: SizeFormat
    /// Names of servers by their ids.
    let servers: [Int64: String]

    func table(_ clients: [ClientInfo]) -> Table {
        var table = Table(
            .number("ID"), .text("NAME"), .text("STATUS"), .text("ADDRESS"), .number("SENT"),
            .number("RECEIVED"), .number("TOTAL"), .text("LAST SEEN"), .text("SERVERS"))
        for client in clients {
            table.add(
                "\(client.id)", .init(client.name),
                .init(client.status.rawValue, client.status.colour),
                .init(client.clientIP ?? "-"), .init(size.text(client.bytesSent)),
                .init(size.text(client.bytesReceived)), .init(size.text(total(of: client))),
                .init(client.stats.lastSeen), .init(places(of: client)))
        }
        return table
    }

    func details(_ client: ClientInfo, isColoured: Bool) -> String {
        var listing = Listing()
        listing.add("Client", "\(client.id)")
        listing.add("Name", client.name)
        listing.add("Status", client.status.rawValue)
        listing.add(
            "Addresses", client.clientIPs.isEmpty ? nil : client.clientIPs.joined(separator: ", "))
        listing.add("Sent", size.text(client.bytesSent))
        listing.add("Received", size.text(client.bytesReceived))
        listing.add("Total", size.text(total(of: client)))
        listing.add("Held back", held(of: client))
        listing.add("Last seen", client.stats.lastSeen)
        listing.add("Last handshake", client.lastHandshake?.description)
        listing.add("Last traffic", client.lastTrafficAt?.description)
        listing.add("Last reading", client.lastSyncAt?.description)
        listing.add("Limit", client.trafficLimit.map(size.text))
        listing.add("Expires", client.expiresAt?.description)
        listing.add("Known since", client.createdAt.description)
        if !client.groups.isEmpty { listing.add("Groups", client.groups.joined(separator: ", ")) }
        if !client.note.isEmpty { listing.add("Note", client.note) }
        return listing.text + "\n" + credentials(of: client).text(isColoured: isColoured)
    }

    private func credentials(of client: ClientInfo) -> Table {
        var table = Table(
            .number("ID"), .text("SERVER"), .text("METER"), .text("KEY"), .text("STATE"),
            .number("SENT"), .number("RECEIVED"), .number("UNWATCHED"), .text("DETAIL"))
        for credential in client.credentials {
            table.add(
                "\(credential.id)", .init(name(of: credential.serverID)),
                .init(credential.meter), .init(credential.key),
                .init(credential.state.rawValue, credential.state.colour),
                .init(size.text(credential.bytesSent)),
                .init(size.text(credential.bytesReceived)),
                .init(credential.unwatchedNs.map(ShortTime.text) ?? "-"),
                .init(credential.detail ?? "-"))
        }
        return table
    }

    /// What was sent and received together, held at the largest number instead of trapping.
    private func total(of client: ClientInfo) -> Int64 {
        let (sum, overflow) = client.bytesSent.addingReportingOverflow(client.bytesReceived)
        return overflow ? .max : sum
    }

    /// What may be the client's but cannot be proven; nil for nothing.
    private func held(of client: ClientInfo) -> String? {
        let sent = sum(client.credentials.map(\.heldSent))
        let received = sum(client.credentials.map(\.heldReceived))
        guard sent > 0 || received > 0 else { return nil }
        return "\(size.text(sent)) sent, \(size.text(received)) received: charged to nobody"
    }

    private func sum(_ amounts: [Int64]) -> Int64 {
        amounts.reduce(0) { sum, amount in
            let (next, overflow) = sum.addingReportingOverflow(amount)
            return overflow ? .max : next
        }
    }

    private func places(of client: ClientInfo) -> String {
        var names: [String] = []
        for credential in client.credentials {
            let name = name(of: credential.serverID)
            if !names.contains(name) { names.append(name) }
        }
        return names.isEmpty ? "-" : names.joined(separator: ", ")
    }

    private func name(of server: Int64) -> String { servers[server] ?? "id:\(server)" }
}

extension ClientStatus {
    fileprivate var colour: Colour {
        switch self {
        case .active: .green
        case .revoking, .restoring: .yellow
        case .disabled, .limited, .expired: .red
        }
    }
}

extension CredentialState {
    var colour: Colour {
        switch self {
        case .open: .green
        case .shutting, .opening, .uncounting: .yellow
        case .shut, .gone, .deleted, .uncounted: .red
        }
    }
}
