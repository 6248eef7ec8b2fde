import HTTPClient

@testable import Agent

/// The way between one life of an agent and the controller.
///
/// Unchecked: the simulation does one thing at a time, on one task and on the keepers' thread, and
/// each waits for the other.
final class PretendedNetwork: Transport, @unchecked Sendable {
    private unowned let agent: AgentSide
    private let life: Life

    init(agent: AgentSide, life: Life) {
        self.agent = agent
        self.life = life
    }

    func send(_ request: HTTPRequest) async throws(HTTPClientError) -> HTTPResponse {
        guard !life.isDead else { throw Self.lost(.cancelled) }
        agent.noteSent(request)
        do {
            guard let response = try await agent.world.carry(request, from: agent), !life.isDead
            else { throw Self.lost(.timeout) }
            return response
        } catch let error as HTTPClientError {
            throw error
        } catch {
            // What must not be is told at the end of the step; to the agent it is a lost answer.
            agent.world.violation = agent.world.violation ?? Violation("\(error)")
            throw Self.lost(.failed)
        }
    }

    private static func lost(_ code: HTTPClientError.Code) -> HTTPClientError {
        HTTPClientError(code, doing: "reach the controller", reason: "nothing came back")
    }
}
