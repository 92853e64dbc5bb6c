/* SPDX-License-Identifier: ISC */
/*
 * What an intruder could do who runs code in one of the processes: makes system calls from inside the
 * gateway or the call manager, at a test's command. To be preloaded:
 *
 *	BREAK_OUT=/tmp/orders LD_PRELOAD=./break_out.so program
 *
 * The file holds struct orders; a test writes there which attempt is wanted of whom, and wakes the
 * process, which answers there with 0 or the negative errno.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* dlsym's way with functions is not ISO C's. */
#pragma GCC diagnostic ignored "-Wpedantic"

enum {
	NO_ANSWER = 1,
	PAGE = 4096,
};

struct order {
	volatile int32_t attempt; /* its place in the table below, from 1 on */
	volatile int32_t answer;  /* NO_ANSWER before */
};

static struct orders {
	struct order gateway;
	struct order callmgr;
} * orders;
static struct order *mine;

/* In main, before it forks. */
__attribute__((constructor)) static void map_orders(void)
{
	const char *path = getenv("BREAK_OUT");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		orders = p;
	if (fd >= 0)
		close(fd);
}

static long open_shadow(void)
{
	return open("/etc/shadow", O_RDONLY | O_CLOEXEC);
}

static long open_passwd(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static long make_ipv4_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0);
}

static long make_ipv6_socket(void)
{
	return socket(AF_INET6, SOCK_STREAM, 0);
}

static long make_netlink_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0);
}

static long make_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_DGRAM, 0);
}

static long fork_child(void)
{
	long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (child == 0)
		_exit(0);
	return child;
}

static long signal_parent(void)
{
	return kill(getppid(), 0);
}

static long become_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long type_into_terminal(void)
{
	char c = '\n';
	return ioctl(STDIN_FILENO, TIOCSTI, &c);
}

static long list_directory(void)
{
	char names[PAGE];
	return syscall(SYS_getdents64, STDIN_FILENO, names, sizeof(names));
}

static long run_program(void)
{
	char *none[] = {NULL};
	return execve("/nowhere", none, none);
}

static long trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long map_code(void)
{
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? -1 : 0;
}

static long make_code(void)
{
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? -1 : mprotect(p, PAGE, PROT_READ | PROT_EXEC);
}

static long read_another(void)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {mine, 1};
	return process_vm_readv(getppid(), &here, 1, &there, 1, 0);
}

static long load_bpf(void)
{
	char attributes[128] = {0};
	return syscall(SYS_bpf, 0, attributes, sizeof(attributes));
}

#ifdef __x86_64__
static long call_as_another_architecture(void)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L /* getpid */) : "memory");
	errno = result < 0 ? (int)-result : 0;
	return result < 0 ? -1 : 0;
}
#endif

/* As a first step to a connection with another host. */
static long disconnect_tcp(void)
{
	static const struct sockaddr none = {.sa_family = AF_UNSPEC};
	for (int fd = STDERR_FILENO + 1; fd < 32; fd++) {
		int type = 0;
		struct sockaddr_storage own = {0};
		socklen_t len = sizeof(type), own_len = sizeof(own);
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM &&
		    getsockname(fd, (struct sockaddr *)&own, &own_len) == 0 &&
		    own.ss_family == AF_INET)
			return connect(fd, &none, sizeof(none));
	}
	errno = ENOENT;
	return -1;
}

static long renice_others(void)
{
	return setpriority(PRIO_USER, 0, 0);
}

static long (*const attempts[])(void) = {
    open_shadow,
    open_passwd,
    make_ipv4_socket,
    make_ipv6_socket,
    make_netlink_socket,
    fork_child,
    signal_parent,
    become_dumpable,
    type_into_terminal,
    list_directory,
    run_program,
    trace,
    map_code,
    make_code,
    read_another,
    load_bpf,
    make_unix_socket,
    disconnect_tcp,
    renice_others,
#ifdef __x86_64__
    call_as_another_architecture,
#endif
};

/* Each child names itself before it can be asked. */
int prctl(int option, ...)
{
	unsigned long a[4];
	va_list args;
	va_start(args, option);
	for (size_t i = 0; i < sizeof(a) / sizeof(a[0]); i++)
		a[i] = va_arg(args, unsigned long);
	va_end(args);
	if (option == PR_SET_NAME && orders) {
		const char *name = (const char *)a[0]; // NOLINT(performance-no-int-to-ptr)
		mine = strcmp(name, "pptpgw") == 0   ? &orders->gateway
		       : strcmp(name, "pptpcm") == 0 ? &orders->callmgr
		                                     : NULL;
	}
	return (int)syscall(SYS_prctl, option, a[0], a[1], a[2], a[3]);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *wait, const sigset_t *mask)
{
	int n = ((__typeof__(&ppoll))dlsym(RTLD_NEXT, "ppoll"))(fds, count, wait, mask);
	int saved = errno;
	if (mine && mine->answer == NO_ANSWER) {
		size_t wanted = (size_t)mine->attempt - 1;
		if (wanted < sizeof(attempts) / sizeof(attempts[0]))
			mine->answer = attempts[wanted]() < 0 ? -errno : 0;
	}
	errno = saved;
	return n;
}
