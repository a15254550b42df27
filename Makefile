# uturnd: GNU make. Everything is built below build/$(VARIANT).
#   make               uturnd, uturnctl, utrace
#   make VARIANT=san   the same under address and undefined-behaviour sanitizers
#   make VARIANT=clang the same with clang
#   make check         every test (root; installs what it needs)
#   make demo          the main job, in a lab of namespaces (root; likewise)

VARIANT ?= default
B	:= build/$(VARIANT)
PREFIX	?= /usr
DESTDIR	?=
UNITDIR	?= $(PREFIX)/lib/systemd/system
BASHDIR	?= $(PREFIX)/share/bash-completion/completions
ZSHDIR	?= $(PREFIX)/share/zsh/vendor-completions

ifeq ($(VARIANT),clang)
CC	:= clang
else ifeq ($(VARIANT),san)
CC	:= clang
else ifeq ($(origin CC),default)
CC	:= gcc
endif

LIBS_PRIV	:= libnetfilter_queue libmnl
LIBS_COMMON	:= libseccomp libcap-ng libbsd-overlay libsodium
LIBS_CTL	:= jansson

WARN	:= -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes \
	-Wmissing-declarations -Wshadow -Wpointer-arith -Wcast-qual \
	-Wsign-compare -Wformat=2 -Wvla -Wundef -Wwrite-strings
WERROR	?= -Werror
HARDEN	:= -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
	-fstack-clash-protection -fcf-protection -fPIE -fno-plt
HARDEN_LD := -pie -Wl,-z,relro,-z,now,-z,noexecstack
OPT	:= -O3 -g
ifeq ($(VARIANT),san)
HARDEN	:= -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -fPIE
HARDEN_LD := -pie -fsanitize=address,undefined
OPT	:= -O1 -g
endif

CPPFLAGS += -I. -I$(B) -D_GNU_SOURCE
CFLAGS	+= -std=c11 $(OPT) $(WARN) $(WERROR) $(HARDEN)
LDFLAGS	+= $(HARDEN_LD)

PC_CFLAGS := $(shell pkg-config --cflags $(LIBS_COMMON) $(LIBS_PRIV) \
	$(LIBS_CTL) 2>/dev/null)
CPPFLAGS += $(PC_CFLAGS)
LDLIBS_COMMON := $(shell pkg-config --libs $(LIBS_COMMON) 2>/dev/null)
LDLIBS_PRIV := $(shell pkg-config --libs $(LIBS_PRIV) 2>/dev/null)
LDLIBS_CTL := $(shell pkg-config --libs $(LIBS_CTL) 2>/dev/null)

# One archive for each process: engine/ can't link priv/, nor priv/ engine/.
PROCS	:= common priv engine uturnd uturnctl utrace
srcs	= $(filter-out %main.c,$(wildcard $(1)/*.c))
objs	= $(patsubst %.c,$(B)/%.o,$(call srcs,$(1)))
YACC_C	:= $(patsubst %.y,$(B)/%.c,$(wildcard uturnd/*.y))

# Short lines; make V=1 shows the commands.
Q	:= $(if $(V),,@)
say	= $(if $(V),,@echo '  $(1)' $(patsubst $(B)/%,%,$@))

all: $(B)/uturnd/uturnd $(B)/uturnctl/uturnctl $(B)/utrace/utrace

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The parser comes with a header of its tokens, which the lexer includes.
$(B)/uturnd/%.c $(B)/uturnd/%.h: uturnd/%.y
	@mkdir -p $(@D)
	bison -Wall -Werror -o $(B)/uturnd/$*.c $<

$(B)/uturnd/lex.o $(B)/uturnd/conf.o: $(B)/uturnd/parse.h

$(B)/uturnd/%.o: $(B)/uturnd/%.c
	$(CC) $(CPPFLAGS) -Iuturnd $(CFLAGS) -MMD -MP -c -o $@ $<

define archive
$(B)/lib$(1).a: $$(call objs,$(1)) $$(if $$(filter uturnd,$(1)),$(YACC_C:.c=.o))
	@mkdir -p $$(@D)
	$$(call say,AR)
	$(Q)rm -f $$@ && ar crs $$@ $$^
endef
$(foreach p,$(PROCS),$(eval $(call archive,$(p))))

$(B)/uturnd/uturnd: $(B)/uturnd/main.o $(B)/libuturnd.a $(B)/libpriv.a \
    $(B)/libengine.a $(B)/libcommon.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS_PRIV) $(LDLIBS_COMMON)

$(B)/uturnctl/uturnctl: $(B)/uturnctl/main.o $(B)/libuturnctl.a $(B)/libcommon.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS_CTL) $(LDLIBS_COMMON)

$(B)/utrace/utrace: $(B)/utrace/main.o $(B)/libutrace.a $(B)/libcommon.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS_CTL) $(LDLIBS_COMMON) -lresolv

# A unit test links the archive of its own process and common, nothing else.
UNIT	:= $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*/test_*.c))
unit-libs = $(B)/lib$(word 3,$(subst /, ,$(1))).a
define unit
$(B)/$(1): $(B)/$(1).o $$(sort $$(call unit-libs,$(1)) $(B)/libcommon.a)
	$$(call say,LD)
	$(Q)$$(CC) $$(LDFLAGS) -o $$@ $(B)/$(1).o \
	    $$(call unit-libs,$(1)) $(B)/libcommon.a -lcmocka \
	    $$(if $$(findstring /priv/,$$@),$$(LDLIBS_PRIV)) \
	    $$(if $$(findstring /uturnctl/,$$@),$$(LDLIBS_CTL)) \
	    $$(if $$(findstring /utrace/,$$@),$$(LDLIBS_CTL)) $$(LDLIBS_COMMON)
endef
$(foreach t,$(wildcard tests/unit/*/test_*.c),$(eval $(call unit,$(t:.c=))))

unit-programs: $(UNIT)
unit: $(UNIT)
	@for t in $^; do $$t || exit 1; done

# The two commands.  The packages come first, in a make of their own: what
# pkg-config says is only right afterwards.
deps:
	@sh tests/setup.sh
check: deps
	@$(MAKE) --no-print-directory run-check
run-check:
	@/usr/bin/python3 tests/run.py $(STEPS)
demo: deps
	@$(MAKE) --no-print-directory -s all
	@/usr/bin/python3 tests/net/demo.py
lint:
	@/usr/bin/python3 tests/run.py lint

install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin \
	    $(DESTDIR)$(PREFIX)/share/man/man1 \
	    $(DESTDIR)$(PREFIX)/share/man/man5 \
	    $(DESTDIR)$(PREFIX)/share/man/man8 \
	    $(DESTDIR)$(PREFIX)/share/doc/uturnd/examples \
	    $(DESTDIR)$(UNITDIR) \
	    $(DESTDIR)$(PREFIX)/lib/uturnd
	install -m 755 contrib/uturnd-rules contrib/uturnd-metrics \
	    $(DESTDIR)$(PREFIX)/lib/uturnd
	install -m 755 $(B)/uturnd/uturnd $(B)/uturnctl/uturnctl \
	    $(DESTDIR)$(PREFIX)/sbin
	install -m 755 $(B)/utrace/utrace $(DESTDIR)$(PREFIX)/bin
	install -m 644 utrace/utrace.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 uturnd/uturnd.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 uturnd/uturnd.8 uturnctl/uturnctl.8 \
	    $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 644 uturnd/uturnd.conf.example \
	    $(DESTDIR)$(PREFIX)/share/doc/uturnd/examples/uturnd.conf
	install -m 644 contrib/grafana/uturnd.json \
	    contrib/prometheus/uturnd.rules.yml \
	    $(DESTDIR)$(PREFIX)/share/doc/uturnd/examples
	install -m 644 uturnd/uturnd.service contrib/uturnd-metrics.service \
	    contrib/uturnd-metrics.timer $(DESTDIR)$(UNITDIR)
	install -d $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR)
	install -m 644 contrib/completion/uturnctl contrib/completion/uturnd \
	    $(DESTDIR)$(BASHDIR)
	install -m 644 contrib/completion/_uturnctl \
	    contrib/completion/_uturnd $(DESTDIR)$(ZSHDIR)

include tests/sandbox/sandbox.mk
include tests/hostile/hostile.mk
include tests/fuzz/fuzz.mk
include tests/bench/bench.mk
include tests/net/net.mk
include tests/vm/vm.mk
-include $(shell find $(B) -name '*.d' 2>/dev/null)

clean:
	rm -rf build

.PHONY: all unit unit-programs deps check run-check demo lint install clean
.SECONDARY:
