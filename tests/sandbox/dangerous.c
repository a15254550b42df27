/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "tests/sandbox/filter.h"

#define PATH(s) ((long)(intptr_t)(s))

/*
 * What an intruder would want, by name and with arguments that would work:
 * filter_numbers tries all of these numbers, too, but a reader can't tell
 * which they are.
 */
static const char root[] = "/";
static const struct filter_call dangerous[] = {
	/* files */
	{ "creat", SYS_creat, { PATH("/tmp/x"), 0600 }, 0 },
	{ "openat to write", SYS_openat, { AT_FDCWD, PATH("/tmp/x"), O_RDWR },
	    0 },
	{ "openat to make", SYS_openat,
	    { AT_FDCWD, PATH("/tmp/x"), O_CREAT | O_WRONLY, 0600 }, 0 },
	{ "openat2", SYS_openat2, { AT_FDCWD, PATH(root) }, 0 },
	{ "open", SYS_open, { PATH(root), O_RDONLY }, 0 },
	{ "open_by_handle_at", SYS_open_by_handle_at, { AT_FDCWD }, 0 },
	{ "memfd_create", SYS_memfd_create, { PATH("x"), 0 }, 0 },
	{ "rename", SYS_rename, { PATH("/a"), PATH("/b") }, 0 },
	{ "link", SYS_link, { PATH("/a"), PATH("/b") }, 0 },
	{ "symlink", SYS_symlink, { PATH("/a"), PATH("/b") }, 0 },
	{ "chmod", SYS_chmod, { PATH(root), 0777 }, 0 },
	{ "chown", SYS_chown, { PATH(root), 0, 0 }, 0 },
	{ "mknod", SYS_mknod, { PATH("/tmp/x"), 0 }, 0 },
	{ "ioctl", SYS_ioctl, { 0, 0x5401 }, 0 },
	{ "fcntl", SYS_fcntl, { 0, F_GETFD }, 0 },
	{ "chroot", SYS_chroot, { PATH(root) }, 0 },
	{ "pivot_root", SYS_pivot_root, { PATH(root), PATH(root) }, 0 },
	{ "mount", SYS_mount, { PATH("x"), PATH(root), PATH("tmpfs") }, 0 },
	{ "umount2", SYS_umount2, { PATH(root), 2 }, 0 },
	{ "open_tree", SYS_open_tree, { AT_FDCWD, PATH(root) }, 0 },
	{ "move_mount", SYS_move_mount, { 0 }, 0 },

	/* the network */
	{ "socket IPv4", SYS_socket, { AF_INET, SOCK_STREAM }, 0 },
	{ "socket IPv6", SYS_socket, { AF_INET6, SOCK_DGRAM }, 0 },
	{ "socket raw", SYS_socket, { AF_INET, SOCK_RAW, 255 }, 0 },
	{ "socket netlink", SYS_socket, { AF_NETLINK, SOCK_RAW, 12 }, 0 },
	{ "socket packet", SYS_socket, { AF_PACKET, SOCK_RAW }, 0 },
	{ "socket vsock", SYS_socket, { AF_VSOCK, SOCK_STREAM }, 0 },
	{ "socketpair", SYS_socketpair, { AF_UNIX, SOCK_STREAM }, 0 },
	{ "bind", SYS_bind, { 3 }, 0 },
	{ "listen", SYS_listen, { 3, 1 }, 0 },
	{ "accept", SYS_accept, { 3 }, 0 },
	{ "sendfile", SYS_sendfile, { 3, 4 }, 0 },
	{ "splice", SYS_splice, { 3, 0, 4 }, 0 },

	/* processes */
	{ "execve", SYS_execve, { PATH("/bin/sh") }, 0 },
	{ "execveat", SYS_execveat, { AT_FDCWD, PATH("/bin/sh") }, 0 },
	{ "clone", SYS_clone, { SIGCHLD }, 0 },
	{ "clone of a thread", SYS_clone,
	    { CLONE_VM | CLONE_SIGHAND | CLONE_THREAD }, 0 },
	{ "clone3", SYS_clone3, { 0 }, 0 },
	{ "fork", SYS_fork, { 0 }, 0 },
	{ "vfork", SYS_vfork, { 0 }, 0 },
	{ "ptrace", SYS_ptrace, { PTRACE_ATTACH, 1 }, 0 },
	{ "process_vm_readv", SYS_process_vm_readv, { 1 }, 0 },
	{ "process_vm_writev", SYS_process_vm_writev, { 1 }, 0 },
	{ "pidfd_open", SYS_pidfd_open, { 1 }, 0 },
	{ "pidfd_getfd", SYS_pidfd_getfd, { 3, 0 }, 0 },
	{ "pidfd_send_signal", SYS_pidfd_send_signal, { 3, SIGKILL }, 0 },
	{ "kill of init", SYS_kill, { 1, SIGKILL }, 0 },
	{ "kill of all", SYS_kill, { -1, SIGKILL }, 0 },
	{ "kill of the group", SYS_kill, { 0, SIGTERM }, 0 },
	{ "kill, asking only", SYS_kill, { 1, 0 }, 0 },
	{ "tkill", SYS_tkill, { 1, SIGKILL }, 0 },
	{ "tgkill", SYS_tgkill, { 1, 1, SIGKILL }, 0 },
	{ "rt_sigqueueinfo", SYS_rt_sigqueueinfo, { 1, SIGKILL }, 0 },
	{ "rt_sigaction", SYS_rt_sigaction, { SIGSYS }, 0 },
	{ "wait4 for any", SYS_wait4, { -1 }, 0 },

	/* rights */
	{ "setuid", SYS_setuid, { 0 }, 0 },
	{ "setresuid", SYS_setresuid, { 0, 0, 0 }, 0 },
	{ "setgid", SYS_setgid, { 0 }, 0 },
	{ "setgroups", SYS_setgroups, { 0 }, 0 },
	{ "setfsuid", SYS_setfsuid, { 0 }, 0 },
	{ "capset", SYS_capset, { 0 }, 0 },
	{ "prctl", SYS_prctl, { PR_SET_DUMPABLE, 1 }, 0 },
	{ "prctl, a filter", SYS_prctl, { PR_SET_SECCOMP, 2 }, 0 },
	{ "seccomp", SYS_seccomp, { SECCOMP_SET_MODE_FILTER }, 0 },
	{ "landlock", SYS_landlock_restrict_self, { 3 }, 0 },
	{ "unshare", SYS_unshare, { CLONE_NEWUSER }, 0 },
	{ "setns", SYS_setns, { 3 }, 0 },
	{ "setrlimit", SYS_setrlimit, { 7 }, 0 },
	{ "prlimit64", SYS_prlimit64, { 0, 7 }, 0 },
	{ "keyctl", SYS_keyctl, { 0 }, 0 },
	{ "add_key", SYS_add_key, { 0 }, 0 },

	/* memory that can be run, and what has been a way into kernels */
	{ "mmap to run", SYS_mmap,
	    { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1 },
	    0 },
	{ "mprotect to run", SYS_mprotect, { 0, 4096, PROT_EXEC }, 0 },
	{ "pkey_mprotect", SYS_pkey_mprotect, { 0, 4096, PROT_EXEC }, 0 },
	{ "mremap", SYS_mremap, { 0 }, 0 },
	{ "remap_file_pages", SYS_remap_file_pages, { 0 }, 0 },
	{ "shmat", SYS_shmat, { 0 }, 0 },
	{ "personality", SYS_personality, { 0x0400000 }, 0 },
	{ "io_uring_setup", SYS_io_uring_setup, { 8 }, 0 },
	{ "io_setup", SYS_io_setup, { 8 }, 0 },
	{ "bpf", SYS_bpf, { 0 }, 0 },
	{ "perf_event_open", SYS_perf_event_open, { 0 }, 0 },
	{ "userfaultfd", SYS_userfaultfd, { 0 }, 0 },
	{ "init_module", SYS_init_module, { 0 }, 0 },
	{ "finit_module", SYS_finit_module, { 0 }, 0 },
	{ "kexec_load", SYS_kexec_load, { 0 }, 0 },
	{ "modify_ldt", SYS_modify_ldt, { 0 }, 0 },
	{ "settimeofday", SYS_settimeofday, { 0 }, 0 },
	{ "clock_settime", SYS_clock_settime, { 0 }, 0 },
	{ "reboot", SYS_reboot, { 0 }, 0 },
	{ "syslog", SYS_syslog, { 3 }, 0 },
};

void
filter_dangerous(const struct filter *f)
{
	filter_forbidden(
	    f, dangerous, sizeof(dangerous) / sizeof(dangerous[0]));
}
