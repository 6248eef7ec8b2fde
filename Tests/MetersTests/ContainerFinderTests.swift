import Foundation
import TestSupport
import Testing

@testable import Meters

/// Docker's API, as far as it is used; broken answers first.
@Suite struct ContainerFinderTests {
    static let id = String(repeating: "0", count: 63) + "1"

    @Test(arguments: ["", "7", "null", "{}", "{\"message\": \"no\"}", "[", "\"a\"", "[[]"])
    func aListThatIsNoneIsRefused(_ text: String) {
        #expect { try DockerAnswer.list(Array(text.utf8)) } throws: {
            ($0 as? MeterError)?.code == .malformed
        }
    }

    @Test(
        "an entry that cannot be understood hides no other",
        arguments: [
            "7", "null", "{}", "{\"Id\": 7}", "{\"Id\": \"../../x\"}", "{\"Id\": \"\(id)/json\"}",
            "{\"Id\": \"\(id.uppercased().dropLast())A\"}", "{\"Names\": [\"/a\"]}",
        ])
    func broken(_ entry: String) throws {
        let text = "[\(entry), {\"Id\": \"\(Self.id)\", \"Names\": [\"/b/alias\", \"/b\"]}]"
        let listed = try DockerAnswer.list(Array(text.utf8))
        #expect(listed == [.init(id: Self.id, name: "b")])
    }

    @Test(arguments: [
        "[]", "null", "[\"\"]", "[\"/\"]", "[\"/a b\"]", "[\"/a\\u0007\"]", "[\"/a@b\"]",
        "[\"/\(String(repeating: "a", count: 200))\"]",
    ])
    func aNameThatIsNoneIsTheShortID(_ names: String) throws {
        let listed = try DockerAnswer.list(
            Array("[{\"Id\": \"\(Self.id)\", \"Names\": \(names)}]".utf8))
        #expect(listed.map(\.name) == ["000000000000"])
    }

    @Test func onlyARunningProcessIsOne() throws {
        for (text, expected) in [
            ("{\"State\":{\"Pid\":7,\"Running\":true}}", Int32(7)),
            ("{\"State\":{\"Pid\":7,\"Running\":false}}", nil), ("{\"State\":{\"Pid\":0}}", nil),
            ("{\"State\":{\"Pid\":-1}}", nil),
        ] { #expect(try DockerAnswer.process(Array(text.utf8)) == expected) }
        for text in ["", "{}", "[]", "{\"State\":{\"Pid\":\"7\"}}", "{\"State\":{\"Pid\":1e20}}"] {
            #expect { try DockerAnswer.process(Array(text.utf8)) } throws: {
                ($0 as? MeterError)?.code == .malformed
            }
        }
    }

    @Test func containersAreNamedAndOneThatVanishedMeanwhileIsPassedOver() async throws {
        let (folder, docker) = try start()
        defer { docker.close() }
        let job = try Job(["sleep", "600"])
        docker.entries = [
            .init("amnezia-awg2", process: job.pid, number: 1),
            .init("ended", process: 0, number: 2), .init("gone", process: .max, number: 3),
            .init("deleted", process: job.pid, number: 4),
        ]
        docker.answer(
            "/containers/\(docker.entries[3].id)/json",
            with: "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")
        let finder = finder(docker, folder)
        let sight = await finder.look()
        #expect(sight.containers.map(\.name) == ["amnezia-awg2"])
        #expect(sight.containers.map(\.process) == [job.pid])
        #expect(sight.faults.isEmpty)
        docker.entries[0].name = "renamed"
        #expect(await finder.look().containers.map(\.name) == ["renamed"])
        let inspections = docker.asked.filter { $0.contains(docker.entries[0].id) }
        #expect(inspections.count == 1, "what is known is not asked again")
    }

    @Test func aContainerThatBeganAgainIsAnother() async throws {
        let (folder, docker) = try start()
        defer { docker.close() }
        let first = try Job(["sleep", "600"])
        docker.entries = [.init("box", process: first.pid)]
        let finder = finder(docker, folder)
        let before = await finder.look().containers
        first.stop()
        let second = try Job(["sleep", "600"])
        docker.entries = [.init("box", process: second.pid)]
        let after = await finder.look().containers
        #expect(after.map(\.name) == before.map(\.name))
        #expect(after.map(\.process) == [second.pid])
    }

    @Test func whatDockerNamedStaysWhileDockerIsAway() async throws {
        let (folder, docker) = try start()
        let job = try Job(["sleep", "600"])
        docker.entries = [.init("box", process: job.pid)]
        let finder = finder(docker, folder)
        #expect(await finder.look().containers.count == 1)
        docker.answer(
            "/containers/json", with: "HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}")
        var sight = await finder.look()
        #expect(sight.containers.map(\.name) == ["box"])
        #expect(sight.faults.count == 1)
        #expect(sight.faults.first?.contains("500") == true)
        docker.close()
        sight = await finder.look()
        #expect(sight.containers.map(\.name) == ["box"])
        job.stop()
        #expect(await finder.look().containers.isEmpty)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}}", "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n[",
    ])
    func anAnswerThatIsNoneIsAFaultAndNotMore(_ answer: String) async throws {
        let (folder, docker) = try start()
        defer { docker.close() }
        docker.answer("/containers/json", with: answer)
        // Whether it is late or wrong is all the same.
        let sight = await finder(docker, folder, patience: .seconds(3)).look()
        #expect(sight.containers.isEmpty)
        #expect(sight.faults.count == 1)
    }

    @Test func aHostWithoutDockerHasNoFault() async {
        let finder = ContainerFinder(
            socket: "/run/tollkeeper-none.sock", processes: "/run/tollkeeper-none")
        #expect(await finder.look() == ContainerSight())
    }

    @Test(.timeLimit(.minutes(2))) func aStartIsToldAtOnce() async throws {
        let (folder, docker) = try start()
        defer { docker.close() }
        let finder = finder(docker, folder)
        _ = await finder.look()
        let job = try Job(["sleep", "600"])
        let begun = ContinuousClock.now
        async let news: Void = finder.waitForNews(atMost: .seconds(60))
        try await Task.sleep(for: .milliseconds(300))
        docker.entries = [.init("box", process: job.pid)]
        await news
        #expect(ContinuousClock.now - begun < .seconds(40))
        #expect(await finder.look().containers.map(\.name) == ["box"])
    }

    /// Patient, since tests that wait hold the few threads that it answers on.
    private func finder(
        _ docker: TestDocker, _ folder: TemporaryFolder, patience: Duration = .seconds(900)
    ) -> ContainerFinder {
        ContainerFinder(socket: docker.path, processes: folder.path, patience: patience)
    }

    private func start() throws -> (TemporaryFolder, TestDocker) {
        let folder = try TemporaryFolder()
        return (folder, try TestDocker(at: "\(folder.path)/docker.sock"))
    }
}
