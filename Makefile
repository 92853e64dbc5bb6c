# SPDX-License-Identifier: ISC
#
# pptp: make, make demo, make check, make install. ARCHITECTURE says what is in which file.
# V=1 shows the commands, SANITIZE=1 builds with ASan and UBSan, BUILD=DIRECTORY not in build. LIBC=musl builds
# a static program with musl, for routers and containers; the default is the system's C library, shared.

, := ,

BUILD ?= build
LIBC ?= $(if $(findstring musl-gcc,$(CC)),musl,system)
ifeq ($(LIBC),system)
OUT := $(BUILD)
# Two pages less to be read at each start, and kept: 8 KiB. Older linkers have it for x86 only, and say so.
# musl's static start-up cannot do it.
RELOCATIONS := $(,)-z$(,)pack-relative-relocs
RELOCATIONS := $(if $(shell echo | $(CC) -shared -xc - -o /dev/null -Wl$(RELOCATIONS) 2>&1),,$(RELOCATIONS))
else ifeq ($(LIBC),musl)
OUT := $(BUILD)/musl
STATIC := -static-pie
MUSL := -fPIE
ifeq ($(findstring musl,$(shell $(CC) -dumpmachine)),)
override CC := $(or $(filter %musl-gcc,$(CC)),$(shell command -v musl-gcc), \
	$(error LIBC=musl needs musl-gcc, in Debian's package musl-tools))
# Debian's musl-gcc has no -static-pie, for which these options stand in, and does not find the kernel's
# headers, to which build/musl/linux links. Its compiler warns about musl's own macro CMSG_NXTHDR.
STATIC := -nostartfiles -static -Wl$(,)-pie$(,)--no-dynamic-linker$(,)-z$(,)text -l:rcrt1.o
MUSL += -isystem build/musl/linux -Wno-sign-conversion
$(shell mkdir -p build/musl/linux && ln -sfn /usr/include/linux /usr/include/asm-generic \
	/usr/include/$$(gcc -print-multiarch)/asm build/musl/linux)
endif
else
$(error LIBC is system or musl)
endif

# For packagers. CFLAGS and LDFLAGS given from outside are used as they are. IP and localstatedir have no
# effect: no `ip` command is run, and all run-time files are in /run/pptp.
OPTIMIZE ?= -O2
OPTIMISE ?= $(OPTIMIZE)
DEBUG ?= -g
# No unwind tables in the program, which nothing reads at run time: 16 KiB for each tunnel's processes.
# Debuggers have their own.
CFLAGS ?= $(OPTIMISE) $(DEBUG) -fstack-protector-strong -fno-asynchronous-unwind-tables
LDFLAGS ?= -Wl,-z,relro,-z,now$(RELOCATIONS)
prefix ?= /usr
sbindir ?= $(prefix)/sbin
mandir ?= $(prefix)/share/man
sysconfdir ?= /etc/ppp
unitdir ?= $(prefix)/lib/systemd/system
tmpfilesdir ?= $(prefix)/lib/tmpfiles.d
sysusersdir ?= $(prefix)/lib/sysusers.d
bashcompletiondir ?= $(prefix)/share/bash-completion/completions
zshcompletiondir ?= $(prefix)/share/zsh/site-functions
PPPD ?= /usr/sbin/pppd

# Flags that the code needs or is checked with, whatever CFLAGS says. The map keeps this directory's name out
# of what is built.
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
SANITIZERS = $(if $(SANITIZE),-fsanitize=address$(,)undefined -fno-sanitize-recover=undefined)
COMPILE = $(CC) -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. $(CPPFLAGS) $(WARNINGS) $(CFLAGS) $(MUSL) \
	-ffile-prefix-map=$(CURDIR)=. $(SANITIZERS)
LINK = $(CC) $(CFLAGS) $(SANITIZERS) $(LDFLAGS)
UNIT_LIBS = -lcheck -lsubunit -lm -lrt -pthread

DIRECTORIES := lib ppp control gre sys gateway callmgr parent diagnose
SOURCES := $(filter-out pptp.c,$(wildcard *.c $(addsuffix /*.c,$(DIRECTORIES))))
# Every page of the program that is in memory counts for its first tunnel. What no packet passes is made
# small: 28 KiB less.
COLD := pptp.c $(filter-out gre/% ppp/% gateway/% pqueue.c sys/loop.c,$(SOURCES))
UNIT_TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/test_*.c tests/*/test_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/*.c))

say = $(if $(V),@:,@printf '  %-5s %s\n')
Q = $(if $(V),,@)

all: pptp

# Compared by content: the time of the copy does not say which C library it was built with.
pptp: $(OUT)/pptp FORCE
	$(Q)cmp -s $< $@ || { rm -f $@ && cp $< $@; }

$(OUT)/pptp: $(OUT)/pptp.o $(OUT)/libpptp.a
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $(STATIC) $^

$(OUT)/libpptp.a: $(SOURCES:%.c=$(OUT)/%.o)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(OUT)/%.o: %.c $(OUT)/command
	$(say) CC $<
	$(Q)mkdir -p $(@D) && $(COMPILE) $(INCLUDED) -MMD -MP -c -o $@ $<

ifeq ($(OPTIMISE),-O2) # as long as nothing else is asked for
$(COLD:%.c=$(OUT)/%.o): private OPTIMISE = -Os
endif

# The paths that are compiled in.
config.h: FORCE
	$(Q)echo '#define PPPD_PATH "$(PPPD)"' | cmp -s - $@ || \
	    echo '#define PPPD_PATH "$(PPPD)"' >$@

$(OUT)/sys/pppd.o: config.h
$(OUT)/sys/pppd.o: private INCLUDED = -include config.h

# With another compiler or other flags than the last time everything is rebuilt.
$(OUT)/command: FORCE
	$(Q)mkdir -p $(@D) && echo '$(COMPILE) $(LDFLAGS)' | cmp -s - $@ || \
	    echo '$(COMPILE) $(LDFLAGS)' >$@

# Check, the library of the unit tests, and what tests preload exist for the system's C library alone.
$(BUILD)/tests/%.o: private COMPILE += -Itests

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/libpptp.a
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $^ $(UNIT_LIBS)

# Preloaded by tests: system calls that fail at random, or at which the process is killed or stopped.
$(BUILD)/%.so: tests/%.c $(BUILD)/command
	$(say) CC $<
	$(Q)$(COMPILE) -shared -fPIC -o $@ $< -ldl

$(BUILD)/refuse: tests/refuse.c $(BUILD)/command
	$(say) CC $<
	$(Q)$(COMPILE) -o $@ $<

unit-tests: $(UNIT_TESTS) $(addprefix $(BUILD)/,flaky_io.so kill_at.so stop_at_read.so break_out.so pppd_words.so refuse)

check:
	$(Q)sh tests/prepare.sh check
	$(Q)$(MAKE) --no-print-directory pptp unit-tests
	$(Q)bash tests/run $(SUITES)

# The package on fresh Debians, and Debian's programs that run pptp. As root; it downloads some 150 MB once.
check-debian:
	bash tests/run-debian

# Tests that a package's build can run without root, network or further packages.
test: pptp
	$(Q)if echo '#include <check.h>' | $(CC) -E - >/dev/null 2>&1; then \
	    $(MAKE) --no-print-directory unit-tests && bash tests/run unit; \
	else echo 'Unit tests skipped: they need the library Check (Debian: check).'; fi

demo:
	$(Q)sh tests/prepare.sh demo
	$(Q)$(MAKE) --no-print-directory pptp
	$(Q)sh tests/demo.sh

bench: pptp
	$(Q)$(MAKE) -C bench

lint:
	$(Q)sh tests/prepare.sh lint
	$(Q)WARNINGS='$(WARNINGS)' bash tests/lint/run $(CHECKS)

format:
	clang-format -i $(wildcard *.[ch] */*.[ch] tests/*/*.[ch])

# libFuzzer targets, with clang: make fuzz SECONDS=600 FUZZ="gre_session ipc" runs these two for ten minutes each.
fuzz:
	$(Q)sh tests/prepare.sh fuzz
	$(Q)$(MAKE) --no-print-directory $(FUZZERS)
	$(Q)bash tests/fuzz/run $(or $(SECONDS),60) $(or $(FUZZ),$(FUZZERS:build/fuzz/fuzz_%=%))

# What the unit tests enter: see tests/coverage.
COVERAGE = BUILD=build/coverage CFLAGS='-O0 -g --coverage' LDFLAGS=--coverage
coverage:
	$(Q)sh tests/prepare.sh check
	$(Q)$(MAKE) --no-print-directory $(COVERAGE) unit-tests
	$(Q)bash tests/coverage build/coverage

FUZZ_COMPILE = clang -std=c11 -D_GNU_SOURCE -I. -g -O1 -fsanitize=address$(,)undefined \
	-fno-sanitize-recover=undefined

build/fuzz/%: tests/fuzz/%.c tests/fuzz/fuzz.h $(SOURCES:%.c=build/fuzz/%.o)
	$(say) FUZZ $@
	$(Q)$(FUZZ_COMPILE) -fsanitize=fuzzer -o $@ $(filter-out %.h,$^)

build/fuzz/%.o: %.c $(wildcard *.h */*.h) config.h
	$(say) CC $@
	$(Q)mkdir -p $(@D) && $(FUZZ_COMPILE) -fsanitize=fuzzer-no-link $(INCLUDED) -c -o $@ $<

build/fuzz/sys/pppd.o: private INCLUDED = -include config.h

install: pptp
	install -d $(DESTDIR)$(sbindir) $(DESTDIR)$(mandir)/man8 $(DESTDIR)$(sysconfdir)
	install -m 755 pptp pptpsetup $(DESTDIR)$(sbindir)
	install -m 644 pptp.8 pptpsetup.8 $(DESTDIR)$(mandir)/man8
	install -D -m 644 share/pptp@.service $(DESTDIR)$(unitdir)/pptp@.service
	sed -i 's,/usr/sbin/pppd,$(PPPD),' $(DESTDIR)$(unitdir)/pptp@.service
	install -D -m 644 share/tmpfiles.conf $(DESTDIR)$(tmpfilesdir)/pptp.conf
	install -D -m 644 share/sysusers.conf $(DESTDIR)$(sysusersdir)/pptp.conf
	install -D -m 644 share/pptp.bash $(DESTDIR)$(bashcompletiondir)/pptp
	ln -sf pptp $(DESTDIR)$(bashcompletiondir)/pptpsetup
	install -D -m 644 share/_pptp $(DESTDIR)$(zshcompletiondir)/_pptp
	test -e $(DESTDIR)$(sysconfdir)/options.pptp || \
	    install -m 644 options.pptp $(DESTDIR)$(sysconfdir)/options.pptp

# An options.pptp that was changed stays.
uninstall:
	rm -f $(addprefix $(DESTDIR)$(sbindir)/,pptp pptpsetup) \
	    $(addprefix $(DESTDIR)$(mandir)/man8/,pptp.8 pptpsetup.8) \
	    $(DESTDIR)$(unitdir)/pptp@.service \
	    $(DESTDIR)$(tmpfilesdir)/pptp.conf $(DESTDIR)$(sysusersdir)/pptp.conf \
	    $(addprefix $(DESTDIR)$(bashcompletiondir)/,pptp pptpsetup) $(DESTDIR)$(zshcompletiondir)/_pptp
	! cmp -s options.pptp $(DESTDIR)$(sysconfdir)/options.pptp || \
	    rm $(DESTDIR)$(sysconfdir)/options.pptp

# The same commit gives the same bytes.
VERSION = $(shell sed -n 's/.*PPTP_VERSION "\(.*\)"/\1/p' pptp_options.h)
dist:
	mkdir -p build
	git archive --prefix=pptp-$(VERSION)/ HEAD | gzip -9n >build/pptp-$(VERSION).tar.gz

# Debian's package of the commit, and what lintian says of it.
deb: dist
	$(Q)sh tests/prepare.sh deb
	rm -rf build/deb && mkdir build/deb && tar -C build/deb -xzf build/pptp-$(VERSION).tar.gz
	cd build/deb/pptp-$(VERSION) && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL dpkg-buildpackage -b -us -uc
	lintian --fail-on warning,error --display-info build/deb/*.changes

clean:
	rm -rf build pptp config.h

FORCE:

.PHONY: all unit-tests check check-debian test demo bench lint format fuzz coverage install uninstall dist deb clean FORCE
.SECONDARY:
.DELETE_ON_ERROR:

-include $(wildcard $(OUT)/*.d $(OUT)/*/*.d $(OUT)/*/*/*.d)
