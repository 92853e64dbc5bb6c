# SPDX-License-Identifier: ISC
#
# pptp: make, make demo, make check, make install.
# V=1 shows the commands, SANITIZE=1 builds with ASan and UBSan. Where what stands: ARCHITECTURE.

# For packagers. CFLAGS and LDFLAGS given from outside are used as they are; IP and localstatedir
# are taken and not needed: no `ip` command is run, and all that lives at run time is in /run/pptp.
OPTIMIZE ?= -O2
OPTIMISE ?= $(OPTIMIZE)
DEBUG ?= -g
CFLAGS ?= $(OPTIMISE) $(DEBUG) -fstack-protector-strong
LDFLAGS ?= -Wl,-z,relro,-z,now
prefix ?= /usr
sbindir ?= $(prefix)/sbin
mandir ?= $(prefix)/share/man
sysconfdir ?= /etc/ppp
localstatedir ?= /var
PPPD ?= /usr/sbin/pppd
IP ?= /sbin/ip

# What the code needs or is held to, whatever CFLAGS says.
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
SANITIZERS = $(if $(SANITIZE),-fsanitize=address$(,)undefined -fno-sanitize-recover=undefined)
COMPILE = $(CC) -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. $(MUSL) $(CPPFLAGS) $(WARNINGS) $(CFLAGS) \
	$(SANITIZERS)
LINK = $(CC) $(CFLAGS) $(SANITIZERS) $(LDFLAGS)
UNIT_LIBS = -lcheck -lsubunit -lm -lrt -pthread

SOURCES := $(filter-out pptp.c,$(wildcard *.c))
UNIT_TESTS := $(patsubst tests/%.c,build/tests/%,$(wildcard tests/test_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/*.c))

# Debian's musl-gcc knows no kernel headers: build/linux borrows those of the machine. musl's own
# macro CMSG_NXTHDR would be warned about.
ifneq ($(findstring musl-gcc,$(CC)),)
MUSL = -isystem build/linux -Wno-sign-conversion
$(shell mkdir -p build/linux && ln -sfn /usr/include/linux /usr/include/asm-generic build/linux && \
	ln -sfn /usr/include/$$(gcc -print-multiarch)/asm build/linux)
endif

, := ,
say = $(if $(V),@:,@printf '  %-5s %s\n')
Q = $(if $(V),,@)

all: pptp

pptp: build/pptp.o build/libpptp.a
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $^

build/libpptp.a: $(SOURCES:%.c=build/%.o)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

build/%.o: %.c build/command
	$(say) CC $<
	$(Q)mkdir -p $(@D) && $(COMPILE) $(INCLUDED) -MMD -MP -c -o $@ $<

build/tests/%: build/tests/%.o build/libpptp.a
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $^ $(UNIT_LIBS)

# The paths that are compiled in.
config.h: FORCE
	$(Q)echo '#define PPPD_PATH "$(PPPD)"' | cmp -s - $@ || \
	    echo '#define PPPD_PATH "$(PPPD)"' >$@

build/pppd.o: config.h
build/pppd.o: private INCLUDED = -include config.h

# Another compiler or other flags than the last time: everything is built anew.
build/command: FORCE
	$(Q)mkdir -p $(@D) && echo '$(COMPILE) $(LDFLAGS)' | cmp -s - $@ || \
	    echo '$(COMPILE) $(LDFLAGS)' >$@

# System calls that fail by chance, to be preloaded by tests.
build/flaky_io.so: tests/flaky_io.c build/command
	$(say) CC $<
	$(Q)$(COMPILE) -shared -fPIC -o $@ $< -ldl

unit-tests: $(UNIT_TESTS) build/flaky_io.so

check:
	$(Q)sh tests/prepare.sh check
	$(Q)$(MAKE) --no-print-directory pptp unit-tests
	$(Q)bash tests/run

# What a package's build can do without root, network or further packages.
test: pptp
	$(Q)if echo '#include <check.h>' | $(CC) -E - >/dev/null 2>&1; then \
	    $(MAKE) --no-print-directory unit-tests && bash tests/run unit; \
	else echo 'The unit tests want the library Check (Debian: check): left out.'; fi

demo:
	$(Q)sh tests/prepare.sh demo
	$(Q)$(MAKE) --no-print-directory pptp
	$(Q)sh tests/demo.sh

bench: pptp
	$(Q)$(MAKE) -C bench

lint:
	$(Q)sh tests/prepare.sh lint
	$(Q)WARNINGS='$(WARNINGS)' bash tests/lint/run

format:
	clang-format -i *.c *.h tests/*.[ch] $(wildcard tests/fuzz/*.c bench/*.[ch])

# Fuzzers are built by clang from the sources: make fuzz; build/fuzz/hdlc -max_total_time=60
fuzz: $(FUZZERS)

build/fuzz/%: tests/fuzz/%.c $(SOURCES) $(wildcard *.h)
	$(say) FUZZ $@
	$(Q)mkdir -p $(@D) && clang -std=c11 -D_GNU_SOURCE -I. -g -O1 \
	    -fsanitize=fuzzer$(,)address$(,)undefined -o $@ $< $(SOURCES)

install: pptp
	install -d $(DESTDIR)$(sbindir) $(DESTDIR)$(mandir)/man8 $(DESTDIR)$(sysconfdir)
	install -m 755 pptp $(DESTDIR)$(sbindir)/pptp
	install -m 644 pptp.8 $(DESTDIR)$(mandir)/man8/pptp.8
	test -e $(DESTDIR)$(sysconfdir)/options.pptp || \
	    install -m 644 options.pptp $(DESTDIR)$(sysconfdir)/options.pptp

# options.pptp stays where somebody changed it.
uninstall:
	rm -f $(DESTDIR)$(sbindir)/pptp $(DESTDIR)$(mandir)/man8/pptp.8
	! cmp -s options.pptp $(DESTDIR)$(sysconfdir)/options.pptp || \
	    rm $(DESTDIR)$(sysconfdir)/options.pptp

clean:
	rm -rf build pptp config.h

FORCE:

.PHONY: all unit-tests check test demo bench lint format fuzz install uninstall clean FORCE
.SECONDARY:
.DELETE_ON_ERROR:

-include $(wildcard build/*.d build/tests/*.d)
