import Hummingbird
import NIOCore

/// What a route knows of its request beside the request.
struct AppContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// Whether the request came in over the local socket, whose file mode says who may call.
    var isLocal: Bool {
        if case .unixDomainSocket = channel.localAddress { true } else { false }
    }
}
