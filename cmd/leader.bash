# Completion of leader and its applets for bash. What can come next the program itself says.

_leader() {
    # bash takes words apart at = and : too; what no blank is between belongs together.
    local -a words=()
    local i rest=${COMP_LINE:0:COMP_POINT} word
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
    local current=${words[-1]} last=${COMP_WORDS[COMP_CWORD]} program=${words[0]/#\~\//"$HOME/"}
    unset 'words[-1]' 'words[0]'
    [[ $last == [=:] ]] && last=

    local -a before=("${words[@]}")
    [[ $current == -*=* ]] && before+=("${current%%=*}")
    local next
    next=$("$program" "${before[@]}" --generate-bash-completion 2>/dev/null)
    if [[ $current == -*=* ]]; then
        [[ $next == --* ]] || mapfile -t COMPREPLY < <(compgen -W "$next" -- "$last")
        return
    fi
    mapfile -t COMPREPLY < <(compgen -W "$next" -- "$current")

    # Where an option can come, a command can too, of those that run one. -o default adds the file names.
    local applet=${program##*/}
    applet=${applet#leader-}
    [[ $applet == leader && ${before[0]} != -* ]] && applet=${before[0]-run}
    case ${before[-1]-} in
        --) next=-- ;;
    esac
    [[ $applet == run || $applet == leader ]] && [[ $next == *--* && $current != -* ]] &&
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -c -- "$current")
}
complete -o default -F _leader leader
