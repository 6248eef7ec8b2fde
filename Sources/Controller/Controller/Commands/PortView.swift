import API

/// Ports as text.
struct PortView {
    let size: SizeFormat

    /// By port, the sum last.
    func traffic(_ data: IptablesData) -> Table {
        var table = Table(
            .text("PORT"), .number("INPUT"), .number("OUTPUT"), .number("PACKETS IN"),
            .number("PACKETS OUT"))
        let ports = data.ports.sorted { Self.precedes($0.key, $1.key) }
        for (port, traffic) in ports + [("total", data.total)] {
            table.add(
                .init(port), .init(size.text(traffic.inputBytes)),
                .init(size.text(traffic.outputBytes)), "\(traffic.inputPackets)",
                "\(traffic.outputPackets)")
        }
        return table
    }

    func total(_ data: IptablesData) -> String {
        var listing = Listing()
        listing.add("Input", size.text(data.total.inputBytes))
        listing.add("Output", size.text(data.total.outputBytes))
        listing.add("Packets in", "\(data.total.inputPackets)")
        listing.add("Packets out", "\(data.total.outputPackets)")
        listing.add("Ports", "\(data.ports.count)")
        return listing.text
    }

    func list(_ ports: [PortInfo]) -> Table {
        var table = Table(
            .text("PORT"), .text("SERVER"), .text("CLIENT"), .text("GROUP"), .text("SOURCE"),
            .text("STATE"), .number("INPUT"), .number("OUTPUT"), .number("PACKETS IN"),
            .number("PACKETS OUT"), .text("DETAIL"))
        for port in ports {
            let detail = port.detail ?? (port.present ? "-" : "not present")
            table.add(
                .init(port.port), .init(port.server), .init(port.client ?? "-"),
                .init(port.group ?? "-"), .init(port.source.rawValue),
                .init(port.state.rawValue, port.state.colour), .init(size.text(port.inputBytes)),
                .init(size.text(port.outputBytes)), "\(port.inputPackets)",
                "\(port.outputPackets)", .init(detail))
        }
        return table
    }

    /// By client, the busiest first; what is nobody's is left out.
    func users(_ ports: [PortInfo]) -> Table {
        var table = Table(
            .text("CLIENT"), .text("GROUPS"), .text("PORTS"), .number("INPUT"),
            .number("OUTPUT"), .number("TOTAL"))
        for (_, ports) in Self.byClient(ports) {
            let traffic = ports.reduce(IptablesTraffic()) { $0.adding($1.traffic) }
            table.add(
                .init(ports[0].client ?? "-"), .init(Self.words(ports.compactMap(\.group))),
                .init(Self.words(ports.map(\.port))), .init(size.text(traffic.inputBytes)),
                .init(size.text(traffic.outputBytes)), .init(size.text(traffic.bytes)))
        }
        return table
    }

    private static func byClient(_ ports: [PortInfo]) -> [(Int64, [PortInfo])] {
        let owned = ports.compactMap { port in port.clientID.map { ($0, port) } }
        let clients = Dictionary(grouping: owned, by: \.0).mapValues { $0.map(\.1) }
        func bytes(_ ports: [PortInfo]) -> Int64 {
            ports.reduce(IptablesTraffic()) { $0.adding($1.traffic) }.bytes
        }
        return clients.map { ($0.key, $0.value) }.sorted {
            (bytes($1.1), $0.0) < (bytes($0.1), $1.0)
        }
    }

    /// Each once, in their order.
    private static func words(_ texts: [String]) -> String {
        var seen: [String] = []
        for text in texts where !seen.contains(text) { seen.append(text) }
        return seen.isEmpty ? "-" : seen.joined(separator: ", ")
    }

    /// By the first port's number.
    private static func precedes(_ first: String, _ second: String) -> Bool {
        func number(_ text: String) -> Int { Int(text.prefix { $0.isNumber }) ?? .max }
        return (number(first), first) < (number(second), second)
    }
}

extension PortInfo {
    fileprivate var traffic: IptablesTraffic {
        IptablesTraffic(
            inputBytes: inputBytes, outputBytes: outputBytes, inputPackets: inputPackets,
            outputPackets: outputPackets)
    }
}

extension IptablesTraffic {
    /// Bytes in both directions, held at the largest number instead of trapping.
    fileprivate var bytes: Int64 {
        let (sum, overflow) = inputBytes.addingReportingOverflow(outputBytes)
        return overflow ? .max : sum
    }
}
