# SPDX-License-Identifier: ISC
# pptp: make; make check; make demo; make install. V=1 shows the commands.

CC ?= gcc
CFLAGS ?= -O2 -g
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
prefix ?= /usr
sbindir ?= $(prefix)/sbin
mandir ?= $(prefix)/share/man
sysconfdir ?= /etc/ppp
PPPD ?= /usr/sbin/pppd

CPPFLAGS += -D_GNU_SOURCE -I. -DPPPD_PATH='"$(PPPD)"'
ALL_CFLAGS = -std=c11 $(WARNINGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP

Q = $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-5s %s\n')

OBJECTS := $(patsubst %.c,build/%.o,$(filter-out pptp.c,$(wildcard *.c)))
UNIT_TESTS := $(patsubst tests/%.c,build/tests/%,$(wildcard tests/test_*.c))

all: pptp

pptp: build/pptp.o build/libpptp.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^

build/libpptp.a: $(OBJECTS)
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

build/%.o: %.c Makefile
	$(say) CC $<
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -c -o $@ $<

build/tests/%: tests/%.c build/libpptp.a Makefile
	$(say) CC $<
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< build/libpptp.a \
	    -lcheck -lsubunit -lm -lrt -pthread

unit-tests: $(UNIT_TESTS)

clean:
	rm -rf build pptp config.h

.PHONY: all unit-tests clean
.DELETE_ON_ERROR:
-include $(wildcard build/*.d build/tests/*.d)
