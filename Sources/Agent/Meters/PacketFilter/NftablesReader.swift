package import Netlink

/// Reads what the rules of nftables, those of iptables-nft among them, have counted.
///
/// The ruleset is gone through when its generation changed; then only counts are read, chain by
/// chain: the kernel goes through a dump's list from its start for each 32 KiB that it hands out, so
/// that one dump of everything costs the square of the rules, and one of each chain that of its own.
package struct NftablesReader: ~Copyable {
    var socket: NetlinkSocket
    /// What stands there as far as it is known.
    private var survey: NftablesSurvey?
    /// See `NftablesReading.shape`.
    var shape: UInt64 = 0
    /// Sets whose elements were seen to have no counters, though they may have.
    var plainSets: Set<NftablesSetID> = []
    /// What stands in the sets that nft made for single rules, and that never change.
    var fixedSets: [NftablesSetID: NftablesElements] = [:]

    /// Tries at a ruleset that changes while it is read.
    static let tries = 3

    /// Opens a socket in `namespace`; nothing is asked of the kernel yet.
    package static func open(
        in namespace: NetworkNamespace = .current
    ) throws(NetlinkError) -> NftablesReader {
        NftablesReader(socket: try NetlinkSocket.open(.netfilter, in: namespace))
    }

    private init(socket: consuming NetlinkSocket) {
        self.socket = socket
    }

    /// The namespace's cookie (`SO_NETNS_COOKIE`), never reused within a boot.
    package var namespaceCookie: UInt64 { socket.namespaceCookie }

    /// Reads every counter that stands for a port, an address or a name.
    package mutating func read() throws(NetlinkError) -> NftablesReading {
        var generation = try socket.rulesetGeneration()
        for attempt in 1...Self.tries {
            do throws(NetlinkError) {
                try take(generation)
                let after = try socket.rulesetGeneration()
                if after == generation { return reading(isWhole: true) }
                if attempt == Self.tries { return reading(isWhole: false) }
                generation = after
            } catch {
                survey = nil
                // What stood there is gone: the next try sees what there is now.
                let isChange = error.errno == Self.noEntry || error.code == .interrupted
                guard isChange, attempt < Self.tries else { throw error }
                generation = try socket.rulesetGeneration()
            }
        }
        throw NetlinkError(
            .interrupted, doing: "read the rules of nftables",
            reason: "they changed while they were read, \(Self.tries) times in a row")
    }

    private static let noEntry: Int32 = 2

    private mutating func take(_ generation: UInt32) throws(NetlinkError) {
        // Taken out, so that nobody else holds what is changed in place.
        var known = survey.take()
        if var same = known.take(), same.generation == generation {
            if try refresh(&same) {
                survey = same
                return
            }
        }
        survey = try self.survey(generation)
        shape &+= 1
    }

    private func reading(isWhole: Bool) -> NftablesReading {
        NftablesReading(
            counters: survey?.counters ?? [], shape: shape, isWhole: isWhole,
            generation: survey?.generation ?? 0)
    }
}
