package import SwiftProtobuf

/// A message that an agent sends.
package protocol WireRequest: Message {}

/// A message that the controller answers with.
package protocol WireAnswer: Message {}

extension WireJoinRequest: WireRequest {}
extension WireInventory: WireRequest {}
extension WirePush: WireRequest {}
extension WireOutcomes: WireRequest {}
extension WireDesiredSet: WireRequest {}

extension WireJoinAnswer: WireAnswer {}
extension WireInventoryAnswer: WireAnswer {}
extension WirePushAnswer: WireAnswer {}
extension WireOutcomesAnswer: WireAnswer {}
extension WireDesiredSetAnswer: WireAnswer {}
