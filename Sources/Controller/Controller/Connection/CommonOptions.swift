import ArgumentParser

/// Options that every command has.
struct CommonOptions: ParsableArguments {
    @Option(
        name: .customLong("state-dir"),
        help: "The controller's state directory (default: $STATE_DIRECTORY, /var/lib/tollkeeper).")
    var stateDirectory: String?

    @Option(
        help: ArgumentHelp(
            "A controller elsewhere, such as https://vpn.example:8440.",
            valueName: "URL"))
    var controller: String?

    @Option(
        help: ArgumentHelp(
            "A file with the API token, instead of TOLLKEEPER_TOKEN.",
            valueName: "FILE"))
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "Trust the controller that has this key (base64 of its SHA-256), whatever its "
                + "certificate says.", valueName: "BASE64"))
    var pin: [String] = []

    @Flag(help: "Print the API's own answer.")
    var json = false

    func validate() throws {
        guard controller == nil else { return }
        if tokenFile != nil { throw ValidationError("--token-file needs --controller URL.") }
        if !pin.isEmpty { throw ValidationError("--pin needs --controller URL.") }
    }
}

/// How sizes are printed.
struct SizeOptions: ParsableArguments {
    @Flag(help: "Print sizes as whole numbers of bytes.")
    var bytes = false

    @Option(help: ArgumentHelp("Decimals of sizes, 0 to 6.", valueName: "N"))
    var precision = 1

    func validate() throws {
        guard (0...6).contains(precision) else {
            throw ValidationError("--precision must be from 0 to 6, not \(precision).")
        }
    }

    var format: SizeFormat { bytes ? .bytes : .human(decimals: precision) }
}
