# Makes a manual page, in man(7), of what `leader help [APPLET]` prints. -v name=leader-run, summary, version, and
# others: the names of the other pages.

function escaped(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    if (text ~ /^[.']/) text = "\\&" text
    return text
}

# The text of each section, in the order of sections[].
function add(section, line) {
    if (!(section in text)) sections[++count] = section
    text[section] = text[section] line "\n"
}

# "words   what they do", or what they do on the lines below.
function item(section, line,    at, form, words, n) {
    at = match(line, /   *[^ ]/)
    form = escaped(at ? substr(line, 1, at - 1) : line)
    n = split(form, words, " ")
    if (section != "SYNOPSIS" && n == 2) form = "\\fB" words[1] "\\fR \\fI" words[2] "\\fR"
    else form = "\\fB" form "\\fR"
    if (section != "SYNOPSIS" || at) add(section, ".TP")
    add(section, form)
    if (at) add(section, escaped(substr(line, at + RLENGTH - 1)))
}

BEGIN {
    add("NAME", escaped(name) " \\- " escaped(summary))
    text["SYNOPSIS"] = text["DESCRIPTION"] = ""
    sections[++count] = "SYNOPSIS"
    sections[++count] = "DESCRIPTION"
    section = "DESCRIPTION"
}

/^$/ { blank = 1; next }
/^usage: / { usage = 1 }
usage && /^(usage: |       )[^ ]/ { item("SYNOPSIS", substr($0, 8)); blank = 0; next }
/^  --/ { section = "OPTIONS"; item(section, substr($0, 3)); blank = 0; next }
/^  [a-z]/ { section = "APPLETS"; item(section, substr($0, 3)); blank = 0; next }
/^ / { sub(/^ */, ""); add(section, escaped($0)); next }
{
    if (blank && section != "DESCRIPTION") {
        section = /^Exit codes/ ? "EXIT STATUS" : "ENVIRONMENT"
    }
    if (blank && section in text && text[section] != "") add(section, ".PP")
    blank = 0
    add(section, escaped($0))
}

END {
    print ".TH " toupper(escaped(name)) " 1 \"\" \"" version "\""
    for (i = 1; i <= count; ++i) printf ".SH %s\n%s", sections[i], text[sections[i]]
    print ".SH SEE ALSO"
    n = split(others, other, " ")
    for (i = 1; i <= n; ++i) print ".BR " escaped(other[i]) " (1)" (i < n ? "," : "")
}
