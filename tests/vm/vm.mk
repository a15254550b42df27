# Debian's own kernel under emulation: native nftables, systemd, AppArmor.

check-vm: all
	@UTURND_BUILD=$(B) /usr/bin/python3 tests/vm/vm.py

# The Debian package, installed and removed in a minimal Debian.
check-package:
	@sh tests/vm/package.sh

.PHONY: check-vm check-package
