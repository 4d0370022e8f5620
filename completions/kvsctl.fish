# fish completion for kvsctl: a file in ~/.config/fish/completions, or sourced.
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
