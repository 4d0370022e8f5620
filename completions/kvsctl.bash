# bash completion for kvsctl: source this file.
_kvsctl() {
    local program=${1/#\~\//$HOME/} line
    local -a lines=()
    COMPREPLY=()
    while IFS= read -r line; do
        lines+=("$line")
    done < <(_KVSCTL_COMPLETE=bash _KVSCTL_LINE=${COMP_LINE:0:COMP_POINT} _KVSCTL_WORD=$2 \
        "$program" 2>/dev/null </dev/null)
    case ${lines[0]-} in
        # Readline quotes paths itself; bash 3.2 has no compopt.
        files) compopt -o default 2>/dev/null || COMPREPLY=($(compgen -f -- "$2")) ;;
        folders) compopt -o dirnames 2>/dev/null || COMPREPLY=($(compgen -d -- "$2")) ;;
        values) COMPREPLY=("${lines[@]:2}") ;;
    esac
}
complete -F _kvsctl kvsctl
