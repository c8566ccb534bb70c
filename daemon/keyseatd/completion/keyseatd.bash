# Completion of keyseatd for bash. In ~/.bashrc: source <(keyseatd completion bash)
_keyseatd() {
	local line
	COMPREPLY=()
	while IFS= read -r line; do
		COMPREPLY+=("${line%%$'\t'*}")
	done < <("$1" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o bashdefault -o default -F _keyseatd keyseatd
