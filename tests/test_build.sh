#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The Makefile as packagers use it: their variables, the targets that they name, where files go.
# Works on a copy; prints TAP.

set -u
cd "$(dirname "$0")/.." || exit 1
checkout=$PWD
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r ./*.c ./*.h lib ppp control gre sys gateway callmgr parent diagnose Makefile pptp.8 \
	pptpsetup pptpsetup.8 options.pptp share "$copy" || exit 1
cd "$copy" || exit 1
rm -f config.h
unset CFLAGS LDFLAGS CPPFLAGS CC MAKEFLAGS MFLAGS MAKELEVEL DESTDIR SANITIZE LIBC BUILD SUITES V

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

make pptp V=1 PPPD=/opt/sbin/pppd OPTIMIZE= DEBUG= CC=gcc CFLAGS=-O0 LDFLAGS= IP=/sbin/ip >log 2>&1 &&
	! grep -q -- ' -o ' log
verdict $? "a second make with the same flags builds nothing, whatever IP is"

make -j2 V=1 OPTIMISE= DEBUG= CC=gcc CFLAGS='-O0 -pipe' LDFLAGS=-Wl,-O1 >log 2>&1 &&
	built_with '-O0 -pipe' && ! grep -qE -- '-O2|-g |-fstack' log && grep -q -- '-Wl,-O1' log &&
	grep -q '"/usr/sbin/pppd"' config.h
verdict $? "CFLAGS and LDFLAGS are taken as they are, and a change of them rebuilds"

make -j2 V=1 OPTIMIZE=-O1 DEBUG= >log 2>&1 && built_with '-O1' && ! grep -q -- ' -g ' log
verdict $? "OPTIMIZE and DEBUG are taken"

! grep -q warning: log
verdict $? "nothing is warned about"

cat >expected <<-END
	root/etc/ppp/options.pptp 644
	root/usr/lib/systemd/system/pptp@.service 644
	root/usr/lib/sysusers.d/pptp.conf 644
	root/usr/lib/tmpfiles.d/pptp.conf 644
	root/usr/sbin/pptp 755
	root/usr/sbin/pptpsetup 755
	root/usr/share/bash-completion/completions/pptp 644
	root/usr/share/bash-completion/completions/pptpsetup 777
	root/usr/share/man/man8/pptp.8 644
	root/usr/share/man/man8/pptpsetup.8 644
	root/usr/share/zsh/site-functions/_pptp 644
END
make install DESTDIR=root OPTIMIZE=-O1 DEBUG= >log 2>&1 &&
	find root ! -type d -printf '%p %m\n' | sort | diff expected - >>log
verdict $? "files are installed where distributions expect them"

make install DESTDIR=unit PPPD=/opt/sbin/pppd OPTIMIZE=-O1 DEBUG= >log 2>&1 &&
	grep -q '^ExecStart=/opt/sbin/pppd call %i ' unit/usr/lib/systemd/system/pptp@.service
verdict $? "the unit starts the pppd that is asked for"

if command -v systemd-sysusers >/dev/null && command -v systemd-tmpfiles >/dev/null; then
	cp -r root host && mkdir host/run
	systemd-sysusers --root="$PWD/host" pptp.conf >log 2>&1 && grep -q '^pptp:' host/etc/passwd &&
		systemd-tmpfiles --root="$PWD/host" --create pptp.conf >>log 2>&1 &&
		[ "$(stat -c %a host/run/pptp)" = 700 ]
	verdict $? "systemd makes the user and the run directory"
else
	verdict 0 "systemd makes the user and the run directory # SKIP no systemd"
fi

echo '# mine' >>root/etc/ppp/options.pptp
make install DESTDIR=root OPTIMIZE=-O1 DEBUG= >log 2>&1 && grep -q '^# mine' root/etc/ppp/options.pptp
verdict $? "a changed options.pptp is not overwritten"

cp options.pptp root/etc/ppp/options.pptp
make uninstall DESTDIR=root >log 2>&1 && [ -z "$(find root ! -type d)" ]
verdict $? "uninstall takes all of it away"

make install DESTDIR=root prefix=/usr/local mandir=/man sysconfdir=/etc OPTIMIZE=-O1 DEBUG= >log 2>&1 &&
	[ -x root/usr/local/sbin/pptp ] && [ -f root/man/man8/pptp.8 ] && [ -f root/etc/options.pptp ]
verdict $? "prefix, mandir and sysconfdir are taken"

dynamic() { # PROGRAM: it has a shared C library
	readelf -lW "$1" 2>>log | grep -q INTERP
}

make -j2 OPTIMIZE=-O1 DEBUG= >log 2>&1 && dynamic pptp &&
	make install DESTDIR=system OPTIMIZE=-O1 DEBUG= >>log 2>&1 && cmp pptp system/usr/sbin/pptp >>log 2>&1
verdict $? "the program has the system's C library, shared, and is what is installed"

# shellcheck disable=SC2086 # words on purpose
for choice in "" "CC=gcc" "SANITIZE=1" "CC=clang" "LIBC=system"; do
	make -n pptp V=1 $choice >>log 2>&1
done
! grep -q musl log
verdict $? "musl is used by LIBC=musl alone, whatever is installed"

make -n LIBC=glibc >log 2>&1
[ $? -eq 2 ] && grep -q 'LIBC is system or musl' log
verdict $? "another LIBC is refused"

name="with LIBC=musl the program is static, at random addresses, and without a warning"
by_name="from one C library to the other and back, pptp is the one asked for last"
if command -v musl-gcc >/dev/null; then
	make -j2 LIBC=musl OPTIMIZE=-O1 DEBUG= >log 2>&1 && ! grep -q warning: log && ! dynamic pptp &&
		readelf -hW pptp | grep -q 'Type: *DYN'
	verdict $? "$name"
	make OPTIMIZE=-O1 DEBUG= >log 2>&1 && dynamic pptp &&
		make LIBC=musl OPTIMIZE=-O1 DEBUG= >>log 2>&1 && ! dynamic pptp && ! grep -q ' CC ' log
	verdict $? "$by_name"
else
	verdict 0 "$name # SKIP no musl-gcc"
	verdict 0 "$by_name # SKIP no musl-gcc"
fi

if git -C "$checkout" rev-parse HEAD >log 2>&1; then
	for place in a much/longer/b; do
		git clone -q "$checkout" $place && make -C $place dist
		mkdir $place.d && tar -C $place.d -xzf $place/build/pptp-[0-9]*.tar.gz
	done >>log 2>&1
	cmp a/build/pptp-*.tar.gz much/longer/b/build/pptp-*.tar.gz >>log 2>&1
	verdict $? "make dist gives the same bytes anywhere"
	(cd a.d/pptp-* && PATH=/usr/bin:/bin make -j2 OPTIMIZE=-O0) >>log 2>&1 &&
		(cd much/longer/b.d/pptp-* && make -j2 OPTIMIZE=-O0) >>log 2>&1 &&
		cmp a.d/pptp-*/pptp much/longer/b.d/pptp-*/pptp >>log 2>&1
	verdict $? "what it has builds without git, and to the same program anywhere"
else
	verdict 0 "make dist gives the same bytes anywhere # SKIP not a git checkout"
	verdict 0 "what it has builds without git, and to the same program anywhere # SKIP not a git checkout"
fi

make clean >log 2>&1 && [ ! -e build ] && [ ! -e pptp ] && [ ! -e config.h ]
verdict $? "clean leaves only sources"

echo "1..$count"
[ "$failed" -eq 0 ]
