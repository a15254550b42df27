# What the network tests run besides the daemon.

flood: $(B)/tests/net/flood
$(B)/tests/net/flood: $(B)/tests/net/flood.o $(B)/libcommon.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS_COMMON)

.PHONY: flood
