# What the network tests run besides the daemon.

flood: $(B)/tests/net/flood
$(B)/tests/net/flood: $(B)/tests/net/flood.o $(B)/libcommon.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS_COMMON)

# The daemon with faults of the kernel that can't be brought about at will.
FAULTS	:= sendmmsg recvmmsg accept4 clock_gettime gettimeofday time
faulty: $(B)/tests/net/faulty
$(B)/tests/net/faulty: $(B)/tests/net/faulty.o $(B)/uturnd/main.o \
    $(B)/libuturnd.a $(B)/libpriv.a $(B)/libengine.a $(B)/libcommon.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) $(FAULTS:%=-Wl,--wrap=%) -o $@ $^ \
	    $(LDLIBS_PRIV) $(LDLIBS_COMMON)

.PHONY: flood faulty
