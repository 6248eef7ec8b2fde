# A manual page, as man(7), from what a program tells of its commands (--experimental-dump-help).
#
#   jq -r --arg section 8 --arg version 0.1.0 --arg date 2026-11-21 --rawfile rest FILE -f page.jq
#
# FILE holds the sections that the program does not tell: files, environment, see also.

# Words as they are: no backslash, dash or dot at a line's start is a command of roff's.
def words: gsub("\\\\"; "\\e") | gsub("-"; "\\-") | gsub("(?m)^(?<c>[.'])"; "\\&\(.c)");
def paragraphs: split("\n\n") | map(words) | join("\n.PP\n");
def bold: "\\fB\(words)\\fR";
def italic: "\\fI\(words)\\fR";

def is_usual: .valueName == "help" or .valueName == "version";
def own_arguments: (.arguments // []) | map(select(.shouldDisplay and (is_usual | not)));

def switch_names:
    [.names[] | (if .kind == "long" then "--" else "-" end) + .name | bold] | join(", ");
def value: if .kind == "option" then " " + (.valueName | italic) else "" end;
def more: if .isRepeating then " ..." else "" end;
def optional($yes): if $yes then "[\(.)]" else . end;

# As in a synopsis, and as the head of its description.
def short:
    . as $argument
    | if .kind == "positional" then .valueName | italic
        else (.names[-1] | "--\(.name)" | bold) + ($argument | value) end
    | . + ($argument | more)
    | optional($argument.isOptional);
def head: if .kind == "positional" then .valueName | italic else switch_names + value end;

def default_value:
    if .kind == "option" and has("defaultValue") then " By default \(.defaultValue)." else "" end;
def allowed_values: if has("allValues") then " One of: \(.allValues | join(", "))." else "" end;
def described:
    ".TP\n\(head)\n"
        + (([.abstract, .discussion // empty] | join(" ")) + allowed_values + default_value | words);

# Every command with subcommands told by its own, each with its whole name.
def commands($before):
    ($before + [.commandName]) as $name
    | (. + {name: $name}), ((.subcommands // [])[] | commands($name));

.command as $program
| [$program | commands([]) | select(.shouldDisplay and .commandName != "help")] as $all
| [$all[] | select(has("subcommands") | not)] as $leaves
| ([$leaves[] | own_arguments[]] | group_by(.)
    | map(select(length * 2 > ($leaves | length)) | .[0])) as $shared
| [
    ".TH \($program.commandName | ascii_upcase | words) \($section) \($date)"
        + " \"tollkeeper \($version)\" Tollkeeper\n.nh\n.ad l",
    ".SH NAME\n\($program.commandName | words) \\- \($program.abstract | words)",
    ".SH SYNOPSIS\n\($program.commandName | bold) \("command" | italic) [\("option" | italic) ...]",
    ".SH DESCRIPTION\n\($program | .discussion // .abstract | paragraphs)",
    ".SH COMMANDS",
    ([$all[1:][] | select(has("subcommands") and has("discussion"))
        | "\(.name[1:] | join(" ") | bold): \(.abstract + " " + .discussion | words)"]
        | join("\n.PP\n") | select(. != "")),
    ($leaves[] | (own_arguments - $shared) as $own
        | ".SS \"\(.name[1:] | join(" ") | words)\"",
        ([(.name | join(" ") | bold), ($own[] | short),
            (if $own == own_arguments then empty else "[\("option" | italic) ...]" end)]
            | join(" ")),
        ".PP\n\(.abstract + (if has("discussion") then "\n\n\(.discussion)" else "" end)
            | paragraphs)",
        ($own[] | described)),
    ".SH OPTIONS\nMost commands take these, and each of them \("--help" | bold) and"
        + " \("--version" | bold).",
    ($shared[] | described),
    ($rest | rtrimstr("\n"))
]
| .[]
