# Speed; included by the Makefile.  Root; in network namespaces of its own.
#   make bench         some 12 minutes; writes tests/bench/results/
#   make bench-short   two minutes; writes nothing
#   make bench-check   seconds: the step of `make check`
#   make soak          half the saturation rate for SOAK_SECONDS

BENCH_PAIRS	?= 9
BENCH_SHORT_PAIRS ?= 3
SOAK_SECONDS	?= 1800

BENCH_PROGRAMS := $(B)/tests/bench/load $(B)/tests/bench/bare
BENCH_RUN = /usr/bin/python3 tests/bench/bench.py --build $(B)

$(BENCH_PROGRAMS): $(B)/tests/bench/%: $(B)/tests/bench/%.o $(B)/libcommon.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS_PRIV) $(LDLIBS_COMMON)

bench-programs: all $(BENCH_PROGRAMS)
bench: bench-programs
	@$(BENCH_RUN) --pairs $(BENCH_PAIRS) full
bench-short: bench-programs
	@$(BENCH_RUN) --pairs $(BENCH_SHORT_PAIRS) short
bench-check: bench-programs
	@$(BENCH_RUN) check
soak: bench-programs
	@$(BENCH_RUN) --seconds $(SOAK_SECONDS) soak

.PHONY: bench bench-programs bench-short bench-check soak
