#!/bin/bash
# SPDX-License-Identifier: ISC
#
# What bash and zsh offer after "pptp" and "pptpsetup": the options of --help. Prints TAP.

set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=/dev/null
. share/pptp.bash
count=0
failed=0
PATH=$PWD:$PATH # pptp and pptpsetup

verdict() { # EXPECTED GOT NAME
	count=$((count + 1))
	if [ "$1" = "$2" ]; then
		echo "ok $count - $3"
	else
		echo "not ok $count - $3"
		failed=$((failed + 1))
		diff <(echo "$1") <(echo "$2") | sed 's/^/# /'
	fi
}

options() { # PROGRAM
	"$1" --help | grep -o '^  --[a-z-]*' | tr -d ' ' | sort
}

by_bash() { # WORD...: what is offered for the last one
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_pptp "$1"
	printf '%s\n' "${COMPREPLY[@]}" | sort
}

for program in pptp pptpsetup; do
	verdict "$(options $program)" "$(by_bash $program -)" "bash has the options of $program"
done
verdict "$(printf -- '--max-%s\n' echo-wait timeout)" "$(by_bash pptp host --max-)" "bash goes by what is typed"
verdict "" "$(by_bash pptp --timeout '')" "bash offers no host for a number"
verdict "Makefile" "$(by_bash pptpsetup --password-file Makef)" "bash offers files for the password"
HOSTFILE=$(mktemp)
echo 192.0.2.1 vpn.example.com >"$HOSTFILE"
verdict "vpn.example.com" "$(by_bash pptp vpn.)" "bash offers hosts for the server"
rm -f "$HOSTFILE"

# A zsh at a terminal, which is asked for all matches; until the last of them is there.
by_zsh() { # WORDS LAST
	zsh -f -c '
		zmodload zsh/zpty
		zpty shell zsh -f -i
		zpty -w shell "PROMPT= RPROMPT= fpath=($PWD/share \$fpath); autoload -U compinit && compinit -D -u"
		zpty -w shell "zstyle \":completion:*\" list-prompt \"\"; LISTMAX=1000; setopt no_beep; stty columns 200 rows 200"
		zpty -w shell "echo rea\"\"dy"
		zpty -r shell ignored "*ready*"
		zpty -n -w shell "$1"$'"'\\t\\t'"'
		zpty -r shell shown "*$2*"
		print -r -- $shown' zsh "$1" "$2"
}

if command -v zsh >/dev/null; then
	for program in pptp pptpsetup; do
		verdict "$(options $program)" \
			"$(by_zsh "$program --" "$(options $program | tail -n 1)" | grep -oE -- '--[a-z][a-z-]*' | sort -u)" "zsh has the options of $program"
	done
else
	verdict "" "" "zsh has the options # SKIP no zsh"
fi

echo "1..$count"
[ "$failed" -eq 0 ]
