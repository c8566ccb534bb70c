# Completion of keyseatd for fish. In config.fish: keyseatd completion fish | source
function __keyseatd_complete
	set -l words (commandline -opc)
	set -l current (commandline -ct)
	set -l program $words[1]
	set -e words[1]
	set -l found ($program complete $words "$current" 2>/dev/null)
	if set -q found[1]
		printf '%s\n' $found
	else
		__fish_complete_path "$current"
	end
end
complete -c keyseatd -f -a '(__keyseatd_complete)'
