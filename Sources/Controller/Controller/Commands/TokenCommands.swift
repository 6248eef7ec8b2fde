public import API
public import ArgumentParser

/// `tollkeeper token …`
struct TokenCommands: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Tokens for programs that use the API.",
        subcommands: [
            TokenCreateCommand.self, TokenListCommand.self, TokenDeleteCommand.self,
        ])
}

/// `tollkeeper token create`
struct TokenCreateCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Makes a token and prints it, this once.")

    @Option(help: "What it may do: read, operate or admin; each includes the ones before it.")
    var scope = TokenScope.read

    @Option(help: ArgumentHelp("What to call it.", valueName: "NAME"))
    var name: String?

    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let body = NewToken(name: name, scope: scope)
        let answer = try await connection.call("POST", "/api/tokens", body: body)
        guard !common.json else { return world.out(answer.line) }
        let made = try answer.decode(TokenAnswer.self)
        world.out(SafeText.escape(made.token) + "\n")
        world.err(
            SafeText.escape(
                "Token id:\(made.info.id) \(made.info.name), scope \(made.info.scope.rawValue). "
                    + "It is not shown again.") + "\n")
    }
}

/// `tollkeeper token list`
struct TokenListCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "All tokens, without their secrets.")

    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let answer = try await connection.call("GET", "/api/tokens")
        guard !common.json else { return world.out(answer.line) }
        var table = Table(
            .number("ID"), .text("NAME"), .text("SCOPE"), .text("MADE"), .text("LAST USED"))
        for token in try answer.decode(TokenList.self).tokens {
            table.add(
                "\(token.id)", .init(token.name), .init(token.scope.rawValue),
                .init(token.createdAt.description),
                .init(token.lastUsedAt?.description ?? "never"))
        }
        world.out(table.text(isColoured: world.isColoured))
    }
}

/// `tollkeeper token delete`
struct TokenDeleteCommand: ControllerCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Makes a token worthless at once.")

    @Argument(help: ArgumentHelp("NAME or id:3.", valueName: "TOKEN"))
    var token: String

    @OptionGroup var common: CommonOptions

    func perform(in world: World, through connection: Connection) async throws {
        let selector = try Selector(token)
        let list = try await connection.call("GET", "/api/tokens").decode(TokenList.self)
        let found = list.tokens.filter { token in
            switch selector {
            case .id(let id): token.id == id
            case .name(let name): token.name == name
            case .key: false
            }
        }
        let token = try Choice.one(
            found, for: selector, noun: "token", hint: "; `tollkeeper token list` shows all"
        ) { "id:\($0.id)  \($0.name)  \($0.scope.rawValue)" }
        let answer = try await connection.call("DELETE", "/api/tokens/\(token.id)")
        guard !common.json else { return world.out(answer.line) }
        let message = try answer.decode(DoneAnswer.self).message
        world.out(SafeText.escape("\(token.name): \(message)") + "\n")
    }
}

extension TokenScope: ExpressibleByArgument {}
