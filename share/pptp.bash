# SPDX-License-Identifier: ISC
#
# Completion for bash, of pptp and pptpsetup. The options are those of --help, so of the program itself.

_pptp() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} help
	help=$(PATH=$PATH:/usr/sbin:/sbin "$1" --help 2>/dev/null)
	COMPREPLY=()
	if [[ $prev == --password-file ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(sed -n 's/^  \(--[a-z-]*\).*/\1/p' <<<"$help")" -- "$cur")
	elif [[ $prev != --* || $prev == --server ]] || ! grep -q -e "^  $prev [A-Z]" <<<"$help"; then
		mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
	fi
}
complete -F _pptp pptp pptpsetup
