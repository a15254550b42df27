# The puppet of tests/net/test_hostile_*.py: what stands in for a process
# that was taken over.  It reads the configuration as the controller does.

HOSTILE	:= $(patsubst %.c,$(B)/%.o,$(wildcard tests/hostile/*.c))

hostile: $(B)/tests/hostile/hostile
$(B)/tests/hostile/hostile: $(HOSTILE) $(B)/libuturnd.a $(B)/libcommon.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS_COMMON)

.PHONY: hostile
