#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The Makefile as packagers use it: their variables, the targets that they name, where files go.
# Works on a copy; prints TAP.

set -u
cd "$(dirname "$0")/.." || exit 1
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp ./*.c ./*.h Makefile pptp.8 options.pptp "$copy" || exit 1
cd "$copy" || exit 1
rm -f config.h
unset CFLAGS LDFLAGS CPPFLAGS CC MAKEFLAGS MFLAGS MAKELEVEL DESTDIR SANITIZE LIBC V

count=0
failed=0
verdict() { # STATUS NAME
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		failed=$((failed + 1))
		sed 's/^/# /' log
	fi
}

built_with() { # REGULAR EXPRESSION: every compilation of the last build has it
	grep -q -- ' -c -o ' log && ! grep -- ' -c -o ' log | grep -qvE -- "$1"
}

make -j2 V=1 PPPD=/opt/sbin/pppd IP=/opt/sbin/ip CC=gcc CFLAGS=-O0 LDFLAGS= config.h pptp >log 2>&1 &&
	[ -x pptp ] && grep -q '"/opt/sbin/pppd"' config.h && grep -q /opt/sbin/pppd pptp
verdict $? "PPPD is compiled in, config.h and pptp are targets"

make pptp V=1 PPPD=/opt/sbin/pppd CC=gcc CFLAGS=-O0 LDFLAGS= >log 2>&1 &&
	! grep -q -- ' -o ' log
verdict $? "a second make with the same variables builds nothing"

make -j2 V=1 OPTIMISE= DEBUG= CC=gcc CFLAGS='-O0 -pipe' LDFLAGS=-Wl,-O1 >log 2>&1 &&
	built_with '-O0 -pipe' && ! grep -qE -- '-O2|-g |-fstack' log && grep -q -- '-Wl,-O1' log &&
	grep -q '"/usr/sbin/pppd"' config.h
verdict $? "CFLAGS and LDFLAGS are taken as they are, and a change of them rebuilds"

make -j2 V=1 OPTIMIZE=-O1 DEBUG= >log 2>&1 && built_with '-O1' && ! grep -q -- ' -g ' log
verdict $? "OPTIMIZE and DEBUG are taken"

! grep -q warning: log
verdict $? "nothing is warned about"

find root -type f >log 2>&1
make install DESTDIR=root OPTIMIZE=-O1 DEBUG= >>log 2>&1 &&
	[ "$(find root -type f | sort | tr '\n' ' ')" = \
		"root/etc/ppp/options.pptp root/usr/sbin/pptp root/usr/share/man/man8/pptp.8 " ] &&
	[ "$(stat -c %a root/usr/sbin/pptp root/etc/ppp/options.pptp | tr '\n' ' ')" = "755 644 " ]
verdict $? "files are installed where distributions expect them"

echo '# mine' >>root/etc/ppp/options.pptp
make install DESTDIR=root OPTIMIZE=-O1 DEBUG= >log 2>&1 && grep -q '^# mine' root/etc/ppp/options.pptp
verdict $? "a changed options.pptp is not overwritten"

cp options.pptp root/etc/ppp/options.pptp
make uninstall DESTDIR=root >log 2>&1 && [ -z "$(find root -type f)" ]
verdict $? "uninstall takes all of it away"

make install DESTDIR=root prefix=/usr/local mandir=/man sysconfdir=/etc OPTIMIZE=-O1 DEBUG= >log 2>&1 &&
	[ -x root/usr/local/sbin/pptp ] && [ -f root/man/man8/pptp.8 ] && [ -f root/etc/options.pptp ]
verdict $? "prefix, mandir and sysconfdir are taken"

dynamic() { # PROGRAM: it has a shared C library
	readelf -lW "$1" 2>>log | grep -q INTERP
}

make -j2 LIBC=system OPTIMIZE=-O1 DEBUG= >log 2>&1 && ! grep -q warning: log && dynamic pptp &&
	make install LIBC=system DESTDIR=system OPTIMIZE=-O1 DEBUG= >>log 2>&1 &&
	cmp pptp system/usr/sbin/pptp >>log 2>&1
verdict $? "LIBC=system builds and installs a program with the system's C library"

for choice in "CC=gcc" "SANITIZE=1" "CC=clang"; do
	make -n pptp V=1 "$choice" >>log 2>&1
done
! grep -q musl log
verdict $? "who chooses a compiler or sanitizers gets the system's C library"

make -n LIBC=glibc >log 2>&1
[ $? -eq 2 ] && grep -q 'LIBC is musl or system' log
verdict $? "another LIBC is refused"

name="where musl-gcc is at hand, the program is static, at random addresses, and without a warning"
both_name="a compiler of the environment is that of the system's C library beside it"
once_name="what goes with the system's C library is made by one make"
getent_name="with musl in any form names are looked up by getent, with glibc they are not"
by_name="from one C library to the other and back, pptp is what was asked for last"
if command -v musl-gcc >/dev/null; then
	make -j2 OPTIMIZE=-O1 DEBUG= >log 2>&1 && ! grep -q warning: log && ! dynamic pptp &&
		readelf -hW pptp | grep -q 'Type: *DYN'
	verdict $? "$name"
	make LIBC=system OPTIMIZE=-O1 DEBUG= >log 2>&1 && dynamic pptp &&
		make LIBC=musl OPTIMIZE=-O1 DEBUG= >>log 2>&1 && ! dynamic pptp && ! grep -q ' CC ' log
	verdict $? "$by_name"
	CC=gcc make -n V=1 LIBC=musl build/pptp >log 2>&1 && grep -q '^gcc ' log && ! grep -q musl log
	verdict $? "$both_name"
	make -n V=1 LIBC=musl build/pptp unit-tests >log 2>&1
	[ "$(grep -c LIBC=system log)" -eq 1 ]
	verdict $? "$once_name"
	make CC=musl-gcc build/pptp_callmgr.o >log 2>&1 && grep -q /usr/bin/getent build/pptp_callmgr.o &&
		make CC=gcc build/pptp_callmgr.o >>log 2>&1 && ! grep -q /usr/bin/getent build/pptp_callmgr.o
	verdict $? "$getent_name"
else
	verdict 0 "$name # SKIP no musl-gcc"
	verdict 0 "$by_name # SKIP no musl-gcc"
	verdict 0 "$both_name # SKIP no musl-gcc"
	verdict 0 "$once_name # SKIP no musl-gcc"
	verdict 0 "$getent_name # SKIP no musl-gcc"
fi

make clean >log 2>&1 && [ ! -e build ] && [ ! -e pptp ] && [ ! -e config.h ]
verdict $? "clean leaves only sources"

echo "1..$count"
[ "$failed" -eq 0 ]
