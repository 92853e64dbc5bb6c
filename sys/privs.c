/* SPDX-License-Identifier: ISC */
/*
 * Capabilities by the bare system calls, so that libcap is not needed. Owns no state: the kernel
 * does.
 */
#include "sys/privs.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/log.h"

enum {
	NOBODY = 65534
};

static void keep_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};
	if (syscall(SYS_capget, &header, sets) < 0) {
		log_debug("capget: %s", strerror(errno));
		return;
	}
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		uint32_t mask = (uint32_t)(keep >> (32 * i));
		sets[i].permitted &= mask;
		sets[i].effective = sets[i].permitted; /* a file capability may be permitted only */
		sets[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, sets) < 0)
		log_debug("capset: %s", strerror(errno));
}

void privs_drop(bool keep_net_admin)
{
	/* Absent before Linux 4.3, and of no weight without inheritable capabilities. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	keep_capabilities(keep_net_admin ? UINT64_C(1) << CAP_NET_ADMIN : 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		log_debug("no_new_privs: %s", strerror(errno));
}

void privs_leave_root(void)
{
	if (geteuid() != 0)
		return;
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		log_debug("cannot become an ordinary user: %s", strerror(errno));
}

void privs_name_process(const char *name)
{
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
}
