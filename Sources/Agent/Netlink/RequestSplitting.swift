extension NetlinkRequest {
    /// Writes all `items`, in their order, into as few requests as hold them: each begins with
    /// `begin` and has its items in one nest of type `nest`. No items make no requests.
    ///
    /// Throws `tooLarge` where one item alone does not fit.
    package static func split<Item>(
        _ items: [Item], nest: UInt16, begin: () throws(NetlinkError) -> NetlinkRequest,
        write: (inout NetlinkRequest, Item) throws(NetlinkError) -> Void
    ) throws(NetlinkError) -> [NetlinkRequest] {
        var requests: [NetlinkRequest] = []
        var rest = items[...]
        while !rest.isEmpty {
            var request = try begin()
            try request.nest(nest) { (inner) throws(NetlinkError) in
                rest = try inner.fill(rest, write)
            }
            requests.append(request)
        }
        return requests
    }

    /// Writes items while they fit, at least one, and returns the others.
    private mutating func fill<Item>(
        _ items: ArraySlice<Item>,
        _ write: (inout NetlinkRequest, Item) throws(NetlinkError) -> Void
    ) throws(NetlinkError) -> ArraySlice<Item> {
        for (index, item) in zip(items.indices, items) {
            let before = bytes.count
            do throws(NetlinkError) {
                try write(&self, item)
            } catch {
                guard error.code == .tooLarge, index > items.startIndex else { throw error }
                truncate(to: before)
                return items[index...]
            }
        }
        return []
    }
}
