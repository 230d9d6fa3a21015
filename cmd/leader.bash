# Completion of leader and its applets for bash. What can follow is asked of the program itself.

# Sets `words` to the words up to the cursor: bash takes words apart at = and : too, and what has no blank between
# belongs together.
_leader_words() {
    local i word rest=${COMP_LINE:0:COMP_POINT}
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $i -gt 0 && $rest != [[:space:]]* ]]; then
            words[-1]+=$word
        else
            words+=("$word")
            rest=${rest#"${rest%%[![:space:]]*}"}
        fi
        rest=${rest#"$word"}
    done
}

# leader, run, check, …: what takes the words in `words` before the last one.
_leader_applet() {
    local name=${words[0]##*/}
    [[ $name == leader-* || ${#words[@]} -lt 3 || ${words[1]} == -* ]] || name=${words[1]}
    echo "${name#leader-}"
}

_leader() {
    local -a words
    _leader_words
    local current=${words[-1]} part=${COMP_WORDS[COMP_CWORD]}
    local -a asked=("${words[@]:0:${#words[@]}-1}")
    [[ $part == [=:]* ]] && part=
    # Of --option=value bash completes the value only.
    if [[ $current == -*=* ]]; then
        asked+=("${current%%=*}")
        current=$part
    fi
    # Behind -- the words are the command's, and asking would run it.
    local next='' word behind=''
    for word in "${asked[@]:1}"; do
        [[ $word != -- ]] || behind=yes
    done
    [[ $behind ]] ||
        next=$("${asked[0]/#~\//$HOME/}" "${asked[@]:1}" --generate-bash-completion 2>/dev/null)
    mapfile -t COMPREPLY < <(compgen -W "$next" -- "$current")

    # Where an option can come, or after --, the command can; file names come by `-o default` where there is nothing.
    [[ $(_leader_applet) == @(run|leader) && $current == [!-]* ]] || return
    [[ $next == *--help* || ${asked[-1]} == -- ]] &&
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -c -- "$current")
}

complete -o default -F _leader leader "${BASH_SOURCE[0]##*/}"
