# SPDX-License-Identifier: ISC
#
# pptp: make, make demo, make check, make install.
# V=1 shows the commands, SANITIZE=1 builds with ASan and UBSan, LIBC=system or LIBC=musl says which
# C library. Where what stands: ARCHITECTURE.

, := ,

# Most of a tunnel's memory is what a C library needs for itself, glibc most of all. So the program is
# static and with musl where musl's compiler is at hand, unless CC or SANITIZE asks for something else.
MUSL_CC := $(if $(findstring musl,$(shell $(CC) -dumpmachine)),$(CC),$(shell command -v musl-gcc))
SYSTEM_CC := $(CC)
ifndef LIBC
LIBC := $(if $(SANITIZE)$(filter-out default,$(origin CC)),system,$(if $(MUSL_CC),musl,system))
endif
ifneq ($(filter-out musl system,$(LIBC)),)
$(error LIBC is musl or system)
endif
OUT := build
ifeq ($(LIBC),musl)
override CC := $(or $(MUSL_CC),$(error LIBC=musl wants musl-gcc, in Debian's package musl-tools))
OUT := build/musl
# The pages of the file count, too: all of them are mapped.
FEW_PAGES := -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
FEW_PAGES_LINKED := -Wl,--gc-sections
PIE := -fPIE
# Debian's musl-gcc does not know -static-pie, which this is.
STATIC := $(if $(findstring musl-gcc,$(CC)), \
	-nostartfiles -static -Wl$(,)-pie$(,)--no-dynamic-linker$(,)-z$(,)text -l:rcrt1.o,-static-pie)
endif

# For packagers. CFLAGS and LDFLAGS given from outside are used as they are; IP and localstatedir
# are taken and not needed: no `ip` command is run, and all that lives at run time is in /run/pptp.
OPTIMIZE ?= $(if $(FEW_PAGES),-Os,-O2)
OPTIMISE ?= $(OPTIMIZE)
DEBUG ?= -g
CFLAGS ?= $(OPTIMISE) $(DEBUG) -fstack-protector-strong $(FEW_PAGES)
LDFLAGS ?= -Wl,-z,relro,-z,now $(FEW_PAGES_LINKED)
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
	$(PIE) $(SANITIZERS)
LINK = $(CC) $(CFLAGS) $(SANITIZERS) $(LDFLAGS)
UNIT_LIBS = -lcheck -lsubunit -lm -lrt -pthread

PARTS := lib ppp gre control sys callmgr gateway
SOURCES := $(filter-out pptp.c,$(wildcard *.c $(PARTS:%=%/*.c)))
UNIT_TESTS := $(patsubst tests/%.c,build/tests/%,$(wildcard tests/test_*.c \
	$(PARTS:%=tests/%/test_*.c)))
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/*.c))

# Debian's musl-gcc knows no kernel headers: build/linux borrows those of the machine. musl's own
# macro CMSG_NXTHDR would be warned about.
ifneq ($(findstring musl-gcc,$(CC)),)
MUSL = -isystem build/linux -Wno-sign-conversion
$(shell mkdir -p build/linux && ln -sfn /usr/include/linux /usr/include/asm-generic build/linux && \
	ln -sfn /usr/include/$$(gcc -print-multiarch)/asm build/linux)
endif

say = $(if $(V),@:,@printf '  %-5s %s\n')
Q = $(if $(V),,@)

all: pptp

# The copy tells make nothing of the C library, so that it is compared.
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

# The paths that are compiled in.
config.h: FORCE
	$(Q)echo '#define PPPD_PATH "$(PPPD)"' | cmp -s - $@ || \
	    echo '#define PPPD_PATH "$(PPPD)"' >$@

$(OUT)/sys/pppd.o: config.h
$(OUT)/sys/pppd.o: private INCLUDED = -include config.h

ifeq ($(OPTIMISE),-Os)
# What each packet goes through is to be fast all the same.
$(patsubst %.c,$(OUT)/%.o,$(wildcard gre_*.c gre/*.c gateway/*.c ppp/*.c pqueue.c)): private OPTIMISE = -O2
endif

# Another compiler or other flags than the last time: everything is built anew.
$(OUT)/command: FORCE
	$(Q)mkdir -p $(@D) && echo '$(COMPILE) $(LDFLAGS)' | cmp -s - $@ || \
	    echo '$(COMPILE) $(LDFLAGS)' >$@

PRELOADED := build/flaky_io.so build/kill_at.so
# The system's C library is that of the unit tests' library, and of what is preloaded.
ifeq ($(LIBC),system)
build/tests/%: build/tests/%.o build/libpptp.a
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $^ $(UNIT_LIBS)

# System calls that fail by chance, or are the last: to be preloaded by tests.
build/%.so: tests/%.c build/command
	$(say) CC $<
	$(Q)$(COMPILE) -shared -fPIC -o $@ $< -ldl

unit-tests: $(UNIT_TESTS) $(PRELOADED) build/pptp
else
# One make for all of them that are asked for: several would write the same files.
OF_SYSTEM := unit-tests build/pptp $(UNIT_TESTS) $(PRELOADED)
$(OF_SYSTEM): of-system ;
of-system: FORCE
	$(Q)$(MAKE) --no-print-directory LIBC=system CC='$(SYSTEM_CC)' \
	    $(filter $(OF_SYSTEM),$(MAKECMDGOALS))
endif

check:
	$(Q)sh tests/prepare.sh check
	$(Q)$(MAKE) --no-print-directory pptp unit-tests
	$(Q)bash tests/run

# What a package's build can do without root, network or further packages.
test: pptp
	$(Q)if echo '#include <check.h>' | $(SYSTEM_CC) -E - >/dev/null 2>&1; then \
	    $(MAKE) --no-print-directory unit-tests && bash tests/run unit; \
	else echo 'The unit tests want the library Check (Debian: check): left out.'; fi

demo:
	$(Q)sh tests/prepare.sh demo
	$(Q)$(MAKE) --no-print-directory pptp
	$(Q)sh tests/demo.sh

# With both C libraries, as far as they are at hand.
bench:
	$(Q)$(MAKE) --no-print-directory pptp build/pptp
	$(Q)$(MAKE) -C bench

lint:
	$(Q)sh tests/prepare.sh lint
	$(Q)WARNINGS='$(WARNINGS)' bash tests/lint/run

format:
	clang-format -i *.c *.h tests/*.[ch] $(wildcard $(PARTS:%=%/*.[ch]) $(PARTS:%=tests/%/*.c) \
	     tests/fuzz/*.c bench/*.[ch])

# Fuzzers are built by clang from the sources: make fuzz; build/fuzz/fuzz_hdlc -max_total_time=60
fuzz: $(FUZZERS)

build/fuzz/%: tests/fuzz/%.c $(SOURCES) $(wildcard *.h $(PARTS:%=%/*.h))
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

-include $(wildcard $(OUT)/*.d $(OUT)/tests/*.d)
