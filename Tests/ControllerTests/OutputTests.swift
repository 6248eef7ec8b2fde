import API
import Testing

@testable import Controller

@Suite struct OutputTests {
    @Test(arguments: [
        ("a\u{1b}[31mb", "a\\x1b[31mb"), ("a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd"),
        ("a\u{202e}b", "a\\u{202e}b"), ("\u{9b}1m", "\\u{9b}1m"), ("\u{2028}", "\\u{2028}"),
        ("\u{0}\u{7f}", "\\x00\\x7f"), ("Jürgen 東京", "Jürgen 東京"), ("\r\n", "\\x0d\\x0a"),
    ])
    func textFromOutsideCannotSteerTheTerminal(_ text: String, _ shown: String) {
        #expect(SafeText.escape(text) == shown)
    }

    @Test func columnsLineUpAndNumbersStandRight() {
        var table = Table(.number("ID"), .text("NAME"), .number("SENT"), .text("STATE"))
        table.add("1", "phone", "1.5 GB", "active")
        table.add("20", .init("東京\n"), "3 B", .init("disabled", .red))
        let plain = """
            ID  NAME        SENT  STATE
             1  phone     1.5 GB  active
            20  東京\\x0a     3 B  disabled

            """
        #expect(table.text(isColoured: false) == plain)
        #expect(!table.text(isColoured: false).contains("\u{1b}"))
        #expect(
            table.text(isColoured: true)
                == plain.replacing("disabled", with: "\u{1b}[31mdisabled\u{1b}[0m"))
    }

    @Test func aTableWithoutRowsIsItsHeadings() {
        let table = Table(.text("NAME"), .number("SENT"))
        #expect(table.text(isColoured: false) == "NAME  SENT\n")
    }

    @Test(arguments: [
        (Int64(0), "0 B"), (1023, "1023 B"), (1024, "1.0 KB"), (1536, "1.5 KB"),
        (1_048_575, "1.0 MB"), (1_610_612_736, "1.5 GB"), (269_169_459, "256.7 MB"),
        (1 << 40, "1.0 TB"), (.max, "8388608.0 TB"),
    ])
    func sizesAreMultiplesOf1024(_ bytes: Int64, _ text: String) {
        #expect(SizeFormat.human(decimals: 1).text(bytes) == text)
        #expect(HumanSize.format(bytes) == text, "the API says it otherwise")
        #expect(SizeFormat.bytes.text(bytes) == "\(bytes)")
    }

    @Test(arguments: [
        (0, "2 GB"), (1, "1.5 GB"), (2, "1.50 GB"), (3, "1.501 GB"), (6, "1.500977 GB"),
    ])
    func decimalsAreRounded(_ decimals: Int, _ text: String) {
        #expect(SizeFormat.human(decimals: decimals).text(1_611_661_312) == text)
    }

    @Test(arguments: [
        (Int64(0), "0 ns"), (999, "999 ns"), (1_000, "1.0 µs"), (1_999_999, "1.9 ms"),
        (350_000, "350.0 µs"), (2_050_000_000, "2.0 s"),
    ])
    func shortTimesAreCutToATenth(_ nanoseconds: Int64, _ text: String) {
        #expect(ShortTime.text(nanoseconds) == text)
    }

    @Test func theJoinCommandKeepsTheTokenOutOfTheArguments() {
        let server = ServerInfo(
            id: 3, name: "vpn\u{1b}[2J", state: .waiting, createdAt: Timestamp(seconds: 0),
            revision: 0, enforcedRevision: 0, clients: 0, bytesSent: 0, bytesReceived: 0,
            quarantined: 0, meters: [])
        let join = ServerJoin(
            server: server, token: "tk-join-secret", url: "https://c.example:8440",
            expiresAt: Timestamp(seconds: 1_762_430_400),
            command: "tollkeeper-agent join https://c.example:8440 --token-file -")
        let text = JoinText(join, isReusable: false, isKnown: false)
        #expect(
            text.command == """
                tollkeeper-agent join https://c.example:8440 --token-file - <<'TOKEN'
                tk-join-secret
                TOKEN
                """)
        #expect(text.text.contains("\n" + text.command + "\n"))
        #expect(text.text.contains("one host, until 2025-11-06T12:00:00Z"))
        #expect(!text.text.contains("\u{1b}"))
        #expect(
            JoinText(join, isReusable: true, isKnown: false).text.contains("any number of hosts"))
    }
}
