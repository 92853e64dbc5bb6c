/* SPDX-License-Identifier: ISC */
/*
 * Runs a program of whose processes system calls are refused, as a seccomp profile of a container or an
 * old kernel refuses them:
 *
 *	refuse CALLS ERRNO NAME NTH REPORT PROGRAM [ARGUMENT...]
 *
 * CALLS: numbers of system calls, separated by commas, or "all". They fail with ERRNO in the processes of
 * that NAME ("any": pptp, pptpgw and pptpcm), where NTH is 0 each time, else the NTH time alone. ERRNO 0
 * refuses nothing and counts. REPORT, a file, is mapped and written at any time: struct report.
 *
 * A filter reports each of these calls to a process of ours, which answers that it fails or is to be
 * made. What the dynamic linker does before main does not count: pptp's first system call is fcntl.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CALLS = 512, /* numbers of system calls are below */
	CALLS_CHOSEN = 64,
	COMM_MAX = 16,
};

static const char *const names[] = {"pptp", "pptpgw", "pptpcm"};
enum {
	NAMES = sizeof(names) / sizeof(names[0])
};

struct report {
	volatile uint64_t ready; /* the filter's descriptor is ours */
	uint64_t refused;
	uint64_t used[NAMES][CALLS]; /* how often, refused or not */
};

extern char **environ;

/* The index of the process's name; NAMES: of another program. */
static size_t name_of(uint32_t pid)
{
	char path[64], comm[COMM_MAX + 1] = "";
	size_t i = 0;
	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return NAMES;
	if (!fgets(comm, sizeof(comm), f))
		comm[0] = '\0';
	fclose(f);
	comm[strcspn(comm, "\n")] = '\0';
	while (i < NAMES && strcmp(comm, names[i]) != 0)
		i++;
	return i;
}

static bool is_chosen(const char *calls, unsigned long call)
{
	if (strcmp(calls, "all") == 0)
		return true;
	for (char *end; *calls; calls = *end ? end + 1 : end)
		if (strtoul(calls, &end, 10) == call)
			return true;
	return false;
}

/* Answers until the last of the processes has exited. argv: see main. */
static void supervise(int listener, char *argv[], struct report *report)
{
	int error = atoi(argv[2]);
	unsigned long nth = strtoul(argv[4], NULL, 10);
	bool started = false;
	struct pollfd p = {.fd = listener, .events = POLLIN};
	while (poll(&p, 1, -1) > 0 && (p.revents & POLLIN)) {
		struct seccomp_notif request = {0};
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
			continue;
		struct seccomp_notif_resp response = {
		    .id = request.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
		size_t name = name_of(request.pid);
		unsigned long call = (unsigned long)request.data.nr;
		started = started || (name < NAMES && call == SYS_fcntl);
		if (started && name < NAMES && call < CALLS) {
			uint64_t used = ++report->used[name][call];
			bool hit =
			    is_chosen(argv[1], call) && (nth == 0 || used == nth) &&
			    (strcmp(argv[3], "any") == 0 || strcmp(argv[3], names[name]) == 0);
			if (hit && error) {
				response.flags = 0;
				response.error = -error;
				report->refused++;
			}
		}
		(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
	}
}

/* The filter's descriptor is going to be `number` in that process. */
static int listener_of(pid_t pid, int number)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	for (;;) {
		char path[64], target[64] = "";
		int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (fd >= 0 && readlink(path, target, sizeof(target) - 1) > 0 &&
		    strstr(target, "seccomp"))
			return fd;
		if (fd >= 0)
			close(fd);
		else if (errno == ESRCH)
			exit(1);
		usleep(200);
	}
}

/* By a second fork: the program is to have no child that it does not know. */
static void start_supervisor(int number, char *argv[], struct report *report)
{
	pid_t program = getpid();
	pid_t child = fork();
	if (child > 0)
		(void)waitpid(child, NULL, 0);
	if (child != 0 || fork() != 0) {
		if (child == 0)
			_exit(0);
		return;
	}
	setsid();
	for (char **variable = environ; *variable; variable++)
		memset(
		    *variable, 0, strlen(*variable)); /* by which the tests know their processes */
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	syscall(SYS_close_range, 3, ~0U, 0);
	int listener = listener_of(program, number);
	report->ready = 1;
	supervise(listener, argv, report);
	_exit(0);
}

static int install(const char *calls)
{
	struct sock_filter code[CALLS_CHOSEN + 4];
	unsigned short n = 0;
	const uint32_t notify = SECCOMP_RET_USER_NOTIF;
	if (strcmp(calls, "all") != 0) {
		code[n++] = (struct sock_filter)BPF_STMT(
		    BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
		uint32_t wanted[CALLS_CHOSEN] = {SYS_fcntl};
		uint8_t count = 1;
		for (char *end; *calls && count < CALLS_CHOSEN; calls = *end ? end + 1 : end)
			wanted[count++] = (uint32_t)strtoul(calls, &end, 10);
		for (uint8_t i = 0; i < count; i++)
			code[n++] = (struct sock_filter)BPF_JUMP(
			    BPF_JMP | BPF_JEQ | BPF_K, wanted[i], (uint8_t)(count - i), 0);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, notify);
	struct sock_fprog program = {.len = n, .filter = code};
	return (int)syscall(
	    SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

int main(int argc, char *argv[])
{
	if (argc < 7)
		return 2;
	int file = open(argv[5], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0 || ftruncate(file, sizeof(struct report)) < 0)
		return 2;
	struct report *report =
	    mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	if (report == MAP_FAILED)
		return 2;
	int number = dup(STDERR_FILENO); /* the next one to be given out, once it is closed */
	close(number);
	start_supervisor(number, argv, report);
	if (install(argv[1]) != number) {
		perror("refuse: seccomp");
		return 2;
	}
	while (!report->ready) /* exec closes it */
		usleep(200);
	execvp(argv[6], argv + 6);
	return 2;
}
