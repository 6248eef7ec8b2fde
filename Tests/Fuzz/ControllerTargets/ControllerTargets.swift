package import FuzzTargets

/// The targets on the controller's side.
package enum ControllerTargets {
    /// What agents send to the store, and what operators send to the server.
    package static let all: [FuzzTarget] = storeTargets + bodyTargets
}
