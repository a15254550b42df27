# Fuzzing and coverage; included by the Makefile.
#   make fuzz [FUZZ_SECONDS=60]      every harness under libFuzzer, that long
#   make fuzz-afl [FUZZ_SECONDS=60]  the same harnesses under AFL++
#   make fuzz-replay                 all corpora once, without a fuzzer
#   make coverage                    lines reached by corpora and unit tests
# FUZZ="fuzz_conf fuzz_ctl" takes only those.

FUZZ_SECONDS	?= 60
FUZZ		?= $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

ifeq ($(VARIANT),fuzz)
CC	:= clang
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize-recover=all
HARDEN	:= $(FUZZ_SAN) -fsanitize=fuzzer-no-link -fno-omit-frame-pointer -fPIE
HARDEN_LD := -pie $(FUZZ_SAN)
OPT	:= -O1 -g
FUZZ_MAIN := -fsanitize=fuzzer
else ifeq ($(VARIANT),afl)
CC	:= afl-clang-fast
export AFL_QUIET := 1
export AFL_USE_ASAN := 1
export AFL_USE_UBSAN := 1
HARDEN	:= -fno-omit-frame-pointer -fPIE
HARDEN_LD := -pie
OPT	:= -O1 -g
FUZZ_MAIN := -fsanitize=fuzzer
else ifeq ($(VARIANT),cov)
CC	:= clang
# Counters in a shared mapping: what ends by abort or _exit counts, too.
HARDEN	:= -fprofile-instr-generate -fcoverage-mapping \
	-mllvm -runtime-counter-relocation -fPIE
HARDEN_LD := -pie -fprofile-instr-generate
OPT	:= -O0 -g
FUZZ_MAIN := $(B)/tests/fuzz/replay.o
else
FUZZ_MAIN := $(B)/tests/fuzz/replay.o
endif

FUZZ_SHARED := $(patsubst %.c,$(B)/%.o,$(filter-out tests/fuzz/fuzz_%.c \
	tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c)))
FUZZ_LIBS := $(B)/libuturnd.a $(B)/libuturnctl.a $(B)/libpriv.a \
	$(B)/libengine.a $(B)/libutrace.a $(B)/libcommon.a
FUZZ_PROGRAMS := $(FUZZ:%=$(B)/tests/fuzz/%)
# The unit tests of what reads and writes untrusted bytes.
FUZZ_UNIT := $(foreach p,common priv engine utrace,$(patsubst %.c,$(B)/%,\
	$(wildcard tests/unit/$(p)/test_*.c)))

$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(FUZZ_SHARED) $(FUZZ_LIBS) \
    $(filter %.o,$(FUZZ_MAIN))
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(FUZZ_MAIN) $(FUZZ_SHARED) \
	    $(FUZZ_LIBS) $(LDLIBS_PRIV) $(LDLIBS_CTL) $(LDLIBS_COMMON)

fuzz-programs: $(FUZZ_PROGRAMS)
fuzz-unit: $(FUZZ_UNIT)

fuzz:
	@$(MAKE) --no-print-directory VARIANT=fuzz fuzz-programs
	@/usr/bin/python3 tests/fuzz/run.py libfuzzer $(FUZZ_SECONDS) $(FUZZ)

fuzz-afl:
	@$(MAKE) --no-print-directory VARIANT=afl fuzz-programs
	@/usr/bin/python3 tests/fuzz/run.py afl $(FUZZ_SECONDS) $(FUZZ)

fuzz-replay: fuzz-programs
	@/usr/bin/python3 tests/fuzz/run.py replay $(B) $(FUZZ)

coverage:
	@$(MAKE) --no-print-directory VARIANT=cov fuzz-programs fuzz-unit
	@/usr/bin/python3 tests/fuzz/coverage.py build/cov $(FUZZ)

.PHONY: fuzz fuzz-programs fuzz-unit fuzz-afl fuzz-replay coverage
