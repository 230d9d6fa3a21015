#!/bin/sh
# man_pages.sh LEADER FOLDER: a manual page for LEADER and one for each of its applets, made of what its help says.
set -eu
leader=$1 folder=$2
here=$(dirname "$0")
version=$("$leader" --version)
help=$("$leader" help)
applets=$("$leader" help --generate-bash-completion)

page() { # NAME SUMMARY
    others=
    for other in leader $(printf 'leader-%s ' $applets); do [ "$other" = "$1" ] || others="$others $other"; done
    awk -v name="$1" -v summary="$2" -v version="${version% (*}" -v others="$others" -f "$here/man_page.awk" \
        >"$folder/$1.1"
}

rm -rf "$folder"
mkdir -p "$folder"
echo "$help" | page leader "lets exactly one of all containers of a service run its command"
for applet in $applets; do
    "$leader" help "$applet" | page "leader-$applet" "$(echo "$help" | sed -n "s/^  $applet  *//p")"
done
