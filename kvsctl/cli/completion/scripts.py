"""What each shell sources to complete kvsctl: `kvsctl completion SHELL` prints it.

A script runs the program that is on the command line, wherever it is installed. The answer is
lines: `values`, `files` or `folders`; the part of the word before the value, such as `--format=`;
and the values. The shell completes paths itself.
"""

from typing import Final

_BASH: Final = r"""# bash completion for kvsctl: source this file.
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
"""

_ZSH: Final = r"""#compdef kvsctl
# zsh completion for kvsctl: _kvsctl in a folder of fpath, or sourced after compinit.

_kvsctl() {
    local program=${(Q)words[1]} kind prefix
    local -a lines
    program=${program/#\~\//$HOME/}
    lines=("${(@f)$(_KVSCTL_COMPLETE=zsh "$program" \
        "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
    kind=$lines[1] prefix=$lines[2]
    lines=("${(@)lines[3,-1]}")
    [[ -n $prefix ]] && compset -p ${#prefix}
    case $kind in
        files) _files ;;
        folders) _path_files -/ ;;
        values) (( $#lines )) && _describe kvsctl lines ;;
    esac
}

if [[ ${funcstack[1]} = _kvsctl ]]; then
    _kvsctl "$@"  # the file is the body of a function that completion has just loaded
else
    compdef _kvsctl kvsctl
fi
"""

_FISH: Final = r"""# fish completion for kvsctl: a file in ~/.config/fish/completions, or sourced.
function __kvsctl_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l token "$typed"
    for quote in '' "'" '"'  # what would close the word
        set token (string unescape -- "$typed$quote"); and break
    end
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -l lines (env _KVSCTL_COMPLETE=fish $program $words[2..-1] "$token" 2>/dev/null </dev/null)
    set -l prefix "$lines[2]"
    # The path as it was typed, in which fish expands ~ and variables.
    set -l rest (string sub -s (math (string length -- "$prefix") + 1) -- "$typed")
    switch "$lines[1]"
        case files
            set -l paths (complete -C "'' $rest")
            test (count $paths) -gt 0; and printf '%s\n' "$prefix"$paths
        case folders
            set -l paths (complete -C "'' $rest" | string match -r '.*/(?:\t.*)?$')
            test (count $paths) -gt 0; and printf '%s\n' "$prefix"$paths
        case values
            test (count $lines) -gt 2; and printf '%s\n' $lines[3..-1]
    end
end
complete -c kvsctl -f -a '(__kvsctl_complete)'
"""

SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
"""The script of each shell, by its name."""
FILES: Final = {"bash": "kvsctl.bash", "zsh": "_kvsctl", "fish": "kvsctl.fish"}
"""The file names of the scripts in `completions/`."""
