#!/bin/sh
# SPDX-License-Identifier: ISC
#
# make demo: a tunnel from end to end on real parts, in a sandbox with a kernel of its own; nothing
# on this machine changes. PPTP=/path/of/pptp demonstrates another binary than ./pptp.

set -eu
cd "$(dirname "$0")/.."

step() {
	printf '\n== %s\n' "$*"
}

# The command, then what it prints.
show() {
	printf '   $ %s\n' "$*"
	"$@" 2>&1 | sed 's/^/   | /'
}

fail() {
	printf '\nDemo failed: %s\n' "$*"
	for log in pppd.log server-mppe.log pptpd.log syslog; do
		echo "-- end of $log:"
		tail -n 25 "/mnt/results/$log" 2>/dev/null || :
	done
	exit 1
}

# Waits until a line of a log matches.
await() {
	python3 tests/sandbox/await.py "/mnt/results/$1" "$2" 10 || fail "no '$2' in $1"
}

outside() {
	started=$(date +%s)
	if [ -z "${PPTP:-}" ]; then
		step "Packages: what is missing is installed (as root)"
		sh tests/prepare.sh demo
		step "Build"
		make --no-print-directory pptp
	fi
	step "Sandbox: booting"
	status=0
	tests/sandbox/boot -t 50 tests/demo.sh inside || status=$?
	step "Sandbox: ended, in all $(($(date +%s) - started)) s"
	if [ "$status" = 0 ]; then
		echo "   The demo succeeded."
	else
		echo "   The demo FAILED (status $status)."
	fi
	exit "$status"
}

inside() {
	world=tests/sandbox/world
	case $SANDBOX in
	uml) echo "   User-Mode Linux $(uname -r), an ordinary process here" ;;
	*) echo "   namespaces on this kernel, $(uname -r), which has PPP" ;;
	esac

	step "Network: client 10.9.0.1, and the server's host 198.51.100.1 behind 10.9.0.2"
	tests/sandbox/syslog.py /mnt/results/syslog
	$world up || fail "no network"
	step "Server: Debian's pptpd, insisting on MS-CHAPv2 and MPPE-128"
	$world poptop || fail "pptpd did not start"

	step "Connect: one command; pppd's 'updetach' returns when the link is up"
	printf '   $ pptp 198.51.100.1 user demo password ... require-mppe-128 noauth %s\n' \
	    'nobsdcomp nodeflate updetach'
	/mnt/bin/pptp 198.51.100.1 user demo password sesame require-mppe-128 noauth \
	    nobsdcomp nodeflate debug logfile /mnt/results/pppd.log updetach ||
		fail "pptp exited with $?"

	step "The negotiated link"
	show ip -brief address show dev ppp0
	grep -E 'CHAP authentication succeeded|CCP ConfAck.*mppe|MPPE 128-bit' \
	    /mnt/results/pppd.log | sed 's/^/   pppd: /' | sort -u
	grep -q 'MPPE 128-bit.*compression enabled' /mnt/results/pppd.log ||
		fail "the link is not encrypted with MPPE-128"
	show ip route get 198.51.100.1
	ps -o comm=,pid=,args= -C pptp,pptpgw,pptpcm,pppd | cut -c 1-90 | sed 's/^/   | /'

	step "Ping through the tunnel"
	# shellcheck disable=SC2086 # words on purpose
	show ping -c 200 -i 0.01 -q 10.77.1.1 | tee /tmp/ping
	grep -q ' 0% packet loss' /tmp/ping || fail "packets were lost"

	step "Statistics: SIGUSR1 to the gateway"
	gateway=$(pgrep -x pptpgw || pgrep -nf '^/mnt/bin/pptp') || fail "no gateway process"
	kill -USR1 "$gateway"
	await syslog 'round trip'
	grep -E 'rx |tx |round trip' /mnt/results/syslog |
		sed 's/^[^]]*\]: //; s/^[^ ]* [a-z]*\[[^]]*\]: //; s/^/   | /'

	step "Hang up"
	pid=$(cat /var/run/ppp0.pid)
	kill -TERM "$pid"
	await pppd.log 'Exit\.|Connect time'
	tests/sandbox/await.py --gone pptp pptpgw pptpcm pppd || fail "processes are left"
	echo "   no process is left"
	ip route | sed 's/^/   | /'
	! ip route show proto 47 | grep . || fail "the host route is left"
	[ ! -e /sys/class/net/ppp0 ] || fail "ppp0 is left"
	$world down
}

case ${1:-} in
inside) inside ;;
*) outside ;;
esac
