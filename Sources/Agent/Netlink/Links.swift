internal import CMnl

extension NetlinkSocket {
    /// Every interface of the namespace, those of `kind` alone where one is given; without
    /// statistics. The socket is one of the route bus.
    package mutating func links(ofKind kind: String? = nil) throws(NetlinkError) -> [Link] {
        var request = Self.linkRequest(index: 0)
        try request.add(UInt16(IFLA_EXT_MASK), integer: UInt32(1 << 3))  // RTEXT_FILTER_SKIP_STATS
        if let kind {
            try request.nest(UInt16(IFLA_LINKINFO)) { (inner) throws(NetlinkError) in
                try inner.add(UInt16(IFLA_INFO_KIND), text: kind)
            }
        }
        let all = try dump(request, doing: "list the network interfaces", into: [Link]()) {
            (links, bytes) throws(NetlinkError) in links.append(try Link.decode(bytes))
        }
        // Kernels that do not know the kind, or cannot filter, answer with every interface.
        return kind == nil ? all : all.filter { $0.kind == kind }
    }

    /// One interface with its statistics; `ENODEV` where there is none with that index.
    package mutating func link(index: UInt32) throws(NetlinkError) -> Link {
        let request = Self.linkRequest(index: index)
        let doing = "read the network interface \(index)"
        let link = try get(request, doing: doing, into: Link?.none) {
            (link, bytes) throws(NetlinkError) in link = try Link.decode(bytes)
        }
        guard let link, link.index == index else {
            throw .malformed("the answer is not about the interface \(index)")
        }
        return link
    }

    private static func linkRequest(index: UInt32) -> NetlinkRequest {
        var fixed = [UInt8](repeating: 0, count: Link.headerSize)
        withUnsafeBytes(of: index) { fixed.replaceSubrange(4..<8, with: $0) }
        return NetlinkRequest(
            type: UInt16(RTM_GETLINK), answerType: UInt16(RTM_NEWLINK), fixed: fixed)
    }
}
