#compdef keyseatd
# Completion of keyseatd for zsh. In ~/.zshrc, after compinit: source <(keyseatd completion zsh)
_keyseatd() {
	local line
	local -a found
	for line in "${(@f)$("$words[1]" complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
		[[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
	done
	if (( $#found )); then
		_describe keyseatd found
	else
		_files
	fi
}
if [[ $funcstack[1] == _keyseatd ]]; then
	_keyseatd "$@"
else
	compdef _keyseatd keyseatd
fi
