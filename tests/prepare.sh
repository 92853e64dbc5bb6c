#!/bin/sh
# SPDX-License-Identifier: ISC
#
# prepare.sh build|check|demo|lint|bench: sees to it that the Debian packages are there which this
# target needs. As root it installs what is missing; otherwise it prints the command and fails.

set -eu

build="gcc libc6-dev make musl-tools"
sandbox="ppp pptpd iproute2 iputils-ping kmod procps python3"
case $(uname -m) in
x86_64 | i?86) sandbox="$sandbox user-mode-linux" ;;
esac

case ${1:-} in
build) wanted=$build ;;
demo) wanted="$build $sandbox" ;;
check) wanted="$build $sandbox check libsubunit-dev nftables tcpdump tshark iperf3 mandoc" ;;
lint) wanted="$build check libsubunit-dev binutils python3 shellcheck clang clang-tidy clang-format
	cppcheck mandoc" ;;
bench) wanted="$build iproute2 procps python3" ;;
*)
	echo "usage: prepare.sh build|check|demo|lint|bench" >&2
	exit 2
	;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "prepare: not a Debian system; what is needed here goes by these names there:" >&2
	# shellcheck disable=SC2086 # words on purpose
	printf "  %s\n" $wanted >&2
	exit 0
fi

missing=
for package in $wanted; do
	case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
	*" installed") ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" != 0 ]; then
	echo "These packages are missing; as root, please run:" >&2
	echo "  apt-get update && $install" >&2
	exit 1
fi

# A server that is installed for tests must not start on this machine, nor at its next boot.
policy=/usr/sbin/policy-rc.d
made_policy=
clean_up() {
	[ -z "$made_policy" ] || rm -f "$policy"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if [ ! -e "$policy" ]; then
	made_policy=yes
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
echo "Installing:$missing"
log=$(mktemp)
# shellcheck disable=SC2086 # words on purpose
if ! $install >"$log" 2>&1 </dev/null &&
	! { apt-get update >>"$log" 2>&1 && $install >>"$log" 2>&1 </dev/null; }; then
	cat "$log" >&2
	rm -f "$log"
	echo "prepare: apt-get failed" >&2
	exit 1
fi
rm -f "$log"
case $missing in
*pptpd*) systemctl disable pptpd >/dev/null 2>&1 || : ;;
esac
