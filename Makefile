# SPDX-License-Identifier: ISC
#
# pptp: make, make demo, make check, make install.
# V=1 shows the commands, SANITIZE=1 builds with ASan and UBSan, SMALL=1 builds for little memory.
# Where what stands: ARCHITECTURE.

# For packagers. CFLAGS and LDFLAGS given from outside are used as they are; IP and localstatedir
# are taken and not needed: no `ip` command is run, and all that lives at run time is in /run/pptp.
OPTIMIZE ?= $(if $(SMALL),-Os,-O2)
OPTIMISE ?= $(OPTIMIZE)
DEBUG ?= -g
CFLAGS ?= $(OPTIMISE) $(DEBUG) -fstack-protector-strong $(SMALL_CFLAGS)
LDFLAGS ?= -Wl,-z,relro,-z,now $(SMALL_LDFLAGS)
prefix ?= /usr
sbindir ?= $(prefix)/sbin
mandir ?= $(prefix)/share/man
sysconfdir ?= /etc/ppp
localstatedir ?= /var
PPPD ?= /usr/sbin/pppd
IP ?= /sbin/ip

# SMALL=1: build/small/pptp, static and with musl: most of a tunnel's memory is glibc's own pages.
# The further flags are for the pages of the file, all of which are mapped.
MUSL_CC = $(if $(findstring musl,$(CC) $(shell $(CC) -dumpmachine)),$(CC),$(shell command -v musl-gcc))
OUT := build
PROGRAM := pptp
ifdef SMALL
override CC := $(or $(MUSL_CC),$(error SMALL=1 wants musl: musl-gcc, in Debian's package musl-tools))
OUT := build/small
PROGRAM := $(OUT)/pptp
STATIC := -static
NAMES := -DRESOLVE_BY_GETENT=1
SMALL_CFLAGS := -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
SMALL_LDFLAGS := -Wl,--gc-sections,-z,noseparate-code
endif

# What the code needs or is held to, whatever CFLAGS says.
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
SANITIZERS = $(if $(SANITIZE),-fsanitize=address$(,)undefined -fno-sanitize-recover=undefined)
COMPILE = $(CC) -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. $(MUSL) $(NAMES) $(CPPFLAGS) \
	$(WARNINGS) $(CFLAGS) $(SANITIZERS)
LINK = $(CC) $(CFLAGS) $(SANITIZERS) $(LDFLAGS) $(STATIC)
UNIT_LIBS = -lcheck -lsubunit -lm -lrt -pthread

SOURCES := $(filter-out pptp.c,$(wildcard *.c))
UNIT_TESTS := $(patsubst tests/%.c,$(OUT)/tests/%,$(wildcard tests/test_*.c))
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

all: $(PROGRAM)

ifdef SMALL
# To be had by its usual name, too: make's own rules would link pptp.c alone.
pptp: $(PROGRAM)
.PHONY: pptp
endif

$(PROGRAM): $(OUT)/pptp.o $(OUT)/libpptp.a
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $^

$(OUT)/libpptp.a: $(SOURCES:%.c=$(OUT)/%.o)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(OUT)/%.o: %.c $(OUT)/command
	$(say) CC $<
	$(Q)mkdir -p $(@D) && $(COMPILE) $(INCLUDED) -MMD -MP -c -o $@ $<

$(OUT)/tests/%: $(OUT)/tests/%.o $(OUT)/libpptp.a
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $^ $(UNIT_LIBS)

# The paths that are compiled in.
config.h: FORCE
	$(Q)echo '#define PPPD_PATH "$(PPPD)"' | cmp -s - $@ || \
	    echo '#define PPPD_PATH "$(PPPD)"' >$@

$(OUT)/pppd.o: config.h
$(OUT)/pppd.o: private INCLUDED = -include config.h

ifdef SMALL
# What each packet goes through is to be fast all the same.
$(patsubst %.c,$(OUT)/%.o,$(wildcard gre_*.c hdlc*.c lcp_accm.c pqueue.c)): private OPTIMISE = -O2
endif

# Another compiler or other flags than the last time: everything is built anew.
$(OUT)/command: FORCE
	$(Q)mkdir -p $(@D) && echo '$(COMPILE) $(LDFLAGS)' | cmp -s - $@ || \
	    echo '$(COMPILE) $(LDFLAGS)' >$@

# System calls that fail by chance, or are the last: to be preloaded by tests.
build/%.so: tests/%.c $(OUT)/command
	$(say) CC $<
	$(Q)$(COMPILE) -shared -fPIC -o $@ $< -ldl

unit-tests: $(UNIT_TESTS) build/flaky_io.so build/kill_at.so

check:
	$(Q)sh tests/prepare.sh check
	$(Q)$(MAKE) --no-print-directory $(PROGRAM)
	$(Q)$(MAKE) --no-print-directory unit-tests SMALL=
	$(Q)$(if $(SMALL),PPTP=$(CURDIR)/$(PROGRAM)) bash tests/run

# What a package's build can do without root, network or further packages.
test: $(PROGRAM)
	$(Q)if echo '#include <check.h>' | $(CC) -E - >/dev/null 2>&1; then \
	    $(MAKE) --no-print-directory unit-tests && bash tests/run unit; \
	else echo 'The unit tests want the library Check (Debian: check): left out.'; fi

demo:
	$(Q)sh tests/prepare.sh demo
	$(Q)$(MAKE) --no-print-directory $(PROGRAM)
	$(Q)$(if $(SMALL),PPTP=$(CURDIR)/$(PROGRAM)) sh tests/demo.sh

# The small one too, where it can be built.
bench:
	$(Q)$(MAKE) --no-print-directory pptp SMALL=
	$(Q)$(if $(MUSL_CC),$(MAKE) --no-print-directory SMALL=1)
	$(Q)$(MAKE) -C bench

lint:
	$(Q)sh tests/prepare.sh lint
	$(Q)WARNINGS='$(WARNINGS)' bash tests/lint/run

format:
	clang-format -i *.c *.h tests/*.[ch] $(wildcard tests/fuzz/*.c bench/*.[ch])

# Fuzzers are built by clang from the sources: make fuzz; build/fuzz/fuzz_hdlc -max_total_time=60
fuzz: $(FUZZERS)

build/fuzz/%: tests/fuzz/%.c $(SOURCES) $(wildcard *.h)
	$(say) FUZZ $@
	$(Q)mkdir -p $(@D) && clang -std=c11 -D_GNU_SOURCE -I. -g -O1 \
	    -fsanitize=fuzzer$(,)address$(,)undefined -o $@ $< $(SOURCES)

install: $(PROGRAM)
	install -d $(DESTDIR)$(sbindir) $(DESTDIR)$(mandir)/man8 $(DESTDIR)$(sysconfdir)
	install -m 755 $(PROGRAM) $(DESTDIR)$(sbindir)/pptp
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

-include $(wildcard $(OUT)/*.d $(OUT)/tests/*.d)
