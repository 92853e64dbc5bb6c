/* SPDX-License-Identifier: ISC */
/* Uses the capability system calls directly, so that libcap is not needed. Owns no state. */
#include "sys/privs.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/error_text.h"
#include "sys/log.h"

enum {
	OVERFLOW_ID = 65534, /* owns nothing, but other daemons may run as this user */
	LINE_CAP = 256,
};

bool privs_is_elevated(void)
{
	return getauxval(AT_SECURE) != 0;
}

uint64_t privs_permitted(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};
	if (syscall(SYS_capget, &header, sets) < 0)
		return 0;
	return sets[0].permitted | (uint64_t)sets[1].permitted << 32;
}

/* Logs the step with errno unless it succeeded. */
static void log_failure(const char *step, bool succeeded)
{
	if (!succeeded)
		log_info("cannot drop %s: %s", step, error_text(errno));
}

/* Reduces the permitted set, makes all of it effective and clears the inheritable set. */
static bool set_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};
	if (syscall(SYS_capget, &header, sets) < 0)
		return false;
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		sets[i].permitted &= (uint32_t)(keep >> (32 * i));
		sets[i].effective = sets[i].permitted;
		sets[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, sets) == 0;
}

/* The kernel refuses all of them or none, also what is not in the set; EINVAL behind one: there are no more. */
static bool drop_bounding_set(void)
{
	int c = 0;
	while (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) == 0)
		c++;
	if (errno == EINVAL && c > 0)
		return true;
	int error = errno;
	int present;
	for (c = 0; (present = prctl(PR_CAPBSET_READ, c, 0, 0, 0)) == 0; c++)
		;
	errno = error;
	return present < 0;
}

/* Kernels before 4.3 have no ambient set: EINVAL. */
static bool clear_ambient_set(void)
{
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 || errno == EINVAL;
}

static bool set_no_new_privs(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

void privs_begin(void)
{
	privs_keep(UINT64_MAX);
	log_failure("the bounding set", drop_bounding_set());
}

void privs_keep(uint64_t capabilities)
{
	log_failure("ambient capabilities", clear_ambient_set());
	log_failure("capabilities", set_capabilities(capabilities));
	log_failure("privileges of executed files", set_no_new_privs());
}

/* Copies the line of the user "pptp" in the text, and what is behind it, as a string. */
static bool copy_line(const char *text, size_t len, char *line, size_t cap)
{
	static const char name[] = "\npptp:";
	const size_t name_len = sizeof(name) - 1;
	const char *at = memmem(text, len, name, name_len);
	if (!at)
		return false;
	size_t left = len - (size_t)(at + 1 - text);
	size_t n = left < cap - 1 ? left : cap - 1;
	memcpy(line, at + 1, n);
	line[n] = '\0';
	return true;
}

/* name:password:uid:gid:... , of a user that owns nothing of root's; else the overflow ids. */
static struct privs_ids parse_ids(const char *line)
{
	struct privs_ids none = {OVERFLOW_ID, OVERFLOW_ID};
	const char *password = strchr(line, ':');
	const char *uid_text = password ? strchr(password + 1, ':') : NULL;
	if (!uid_text)
		return none;
	char *end;
	unsigned long uid = strtoul(uid_text + 1, &end, 10);
	if (*end != ':')
		return none;
	unsigned long gid = strtoul(end + 1, &end, 10);
	if (*end != ':' || uid == 0 || uid >= UINT32_MAX || gid == 0 || gid >= UINT32_MAX)
		return none;
	return (struct privs_ids){(uid_t)uid, (gid_t)gid};
}

/* Those of the user "pptp", by the file alone: name services may need the network, and load modules.
 * Mapped, because stdio's buffers cost each tunnel 43 KiB in the processes. The first line is root's. */
struct privs_ids privs_unprivileged_ids(void)
{
	struct privs_ids ids = {OVERFLOW_ID, OVERFLOW_ID};
	struct stat st;
	char line[LINE_CAP] = "";
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ids;
	size_t len = fstat(fd, &st) == 0 && st.st_size > 0 ? (size_t)st.st_size : 0;
	char *text = len ? mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	close(fd);
	if (text == MAP_FAILED)
		return ids;
	bool found = copy_line(text, len, line, sizeof(line));
	munmap(text, len);
	return found ? parse_ids(line) : ids;
}

static bool drop_groups(uid_t real, uid_t effective, uid_t saved)
{
	bool root = real == 0 || effective == 0 || saved == 0;
	return !root || getgroups(0, NULL) == 0 || setgroups(0, NULL) == 0;
}

static bool drop_gid(uid_t real_uid, gid_t unprivileged)
{
	gid_t real, effective, saved;
	if (getresgid(&real, &effective, &saved) < 0)
		return false;
	gid_t gid = real_uid == 0 ? unprivileged : real;
	return (real == gid && effective == gid && saved == gid) || setresgid(gid, gid, gid) == 0;
}

/*
 * The order: groups and group id need CAP_SETGID, and changing all user ids from 0 clears the
 * capabilities. The kernel sets the dumpable flag when the ids change, so it comes after them.
 */
void privs_drop_all(struct privs_ids unprivileged)
{
	uid_t real = 0, effective = 0, saved = 0;
	(void)getresuid(&real, &effective, &saved); /* fails for bad pointers only */
	uid_t uid = real == 0 ? unprivileged.uid : real;
	log_failure("supplementary groups", drop_groups(real, effective, saved));
	log_failure("the group id", drop_gid(real, unprivileged.gid));
	log_failure("the user id",
	    (real == uid && effective == uid && saved == uid) || setresuid(uid, uid, uid) == 0);
	privs_keep(0);
	log_failure("core dumps", setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) == 0);
	log_failure("dumpability", prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
}

void privs_name_process(const char *name)
{
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
}
