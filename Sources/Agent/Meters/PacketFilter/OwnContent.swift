package import Accounting

/// What the agent's own table is to hold.
package struct OwnContent: Hashable, Sendable {
    /// Ports and addresses that are counted, both ways. A key that `PortKey.refusal` refuses is
    /// passed over, as it is in `shut`.
    package var counted: Set<PortKey> = []
    /// Ports and addresses that nothing passes to or from. What is dropped is not counted.
    package var shut: Set<PortKey> = []
    /// Tunnel addresses that nothing passes to or from on their interfaces.
    package var dropped: Set<InterfaceAddress> = []
    /// Tunnel addresses that pass all the same: an open peer has them.
    package var spared: Set<InterfaceAddress> = []

    /// Nothing: the table is not needed.
    package static let nothing = OwnContent()

    package init(
        counted: Set<PortKey> = [], shut: Set<PortKey> = [], dropped: Set<InterfaceAddress> = [],
        spared: Set<InterfaceAddress> = []
    ) {
        self.counted = counted
        self.shut = shut
        self.dropped = dropped
        self.spared = spared
    }

    /// The same without what is counted.
    var uncounted: OwnContent { OwnContent(shut: shut, dropped: dropped, spared: spared) }

    /// Whether there is nothing to hold.
    package var isEmpty: Bool { self == .nothing }
}

/// An address, or a network, at an interface of that name, whether or not there is one.
package struct InterfaceAddress: Hashable, Sendable {
    /// The interface's name, at most 15 bytes.
    package let interface: String
    /// The addresses.
    package let range: AddressRange

    /// Longest name of an interface, in bytes.
    package static let longestName = 15

    /// Puts an address at an interface; nil for a name that no interface can have.
    package init?(_ interface: String, _ range: AddressRange) {
        guard (1...Self.longestName).contains(interface.utf8.count),
            !interface.utf8.contains(0)
        else { return nil }
        self.interface = interface
        self.range = range.network
    }
}
