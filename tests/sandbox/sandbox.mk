# The filters' tests: each links the archive of its own process and common.
# `make golden` writes the filters' texts anew; the difference is for review.

SANDBOX	:= priv engine uturnd utrace
SANDBOX_TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/sandbox/test_*.c))
SANDBOX_OBJS := $(B)/tests/sandbox/filter.o $(B)/tests/sandbox/dangerous.o
define sandbox
$(B)/tests/sandbox/$(1): $(B)/tests/sandbox/$(1).o $(SANDBOX_OBJS) \
    $(B)/lib$(2).a $(B)/libcommon.a
	$$(call say,LD)
	$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ -lcmocka \
	    $(if $(filter priv,$(2)),$$(LDLIBS_PRIV)) $$(LDLIBS_COMMON)
endef
$(foreach p,$(SANDBOX),$(eval $(call sandbox,test_$(p),$(p))))
$(eval $(call sandbox,test_verdict,priv))

# Not in the sanitizers' build: their libraries make calls of their own.
ifneq ($(VARIANT),san)
unit-programs unit: $(SANDBOX_TESTS)
endif

golden: $(SANDBOX:%=$(B)/tests/sandbox/test_%)
	$(Q)for p in $(SANDBOX); do \
	    $(B)/tests/sandbox/test_$$p export >tests/sandbox/golden/$$p.pfc || \
	    exit 1; \
	done

.PHONY: golden
