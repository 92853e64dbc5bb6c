#!/bin/sh
# SPDX-License-Identifier: ISC
#
# prepare.sh build|check|demo|lint|fuzz|valgrind|bench|deb|debian: installs the Debian packages that this target needs and
# that are missing. Without root it prints the command and fails.

set -eu

build="gcc libc6-dev make"
sandbox="ppp pptpd iproute2 iputils-ping kmod procps python3"
case $(uname -m) in
x86_64 | i?86) sandbox="$sandbox user-mode-linux" ;;
esac

check="check libsubunit-dev musl-tools nftables iptables tcpdump tshark iperf3 mandoc python3-prometheus-client
	net-tools secilc systemd zsh"
deb="check libsubunit-dev debhelper dpkg-dev fakeroot lintian"

case ${1:-} in
build) wanted=$build ;;
demo) wanted="$build $sandbox" ;;
check) wanted="$build $sandbox $check" ;;
lint) wanted="$build musl-tools check libsubunit-dev binutils python3 shellcheck clang clang-tidy
	clang-format cppcheck mandoc systemd zsh ppp" ;;
fuzz) wanted="$build clang libclang-rt-14-dev" ;;
valgrind) wanted="$build check libsubunit-dev valgrind" ;;
bench) wanted="$build iproute2 procps python3" ;;
deb) wanted="$build $deb" ;;
debian) wanted="$build $sandbox $check $deb mmdebstrap" ;;
*)
	echo "usage: prepare.sh build|check|demo|lint|fuzz|valgrind|bench|deb|debian" >&2
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
