/* SPDX-License-Identifier: ISC */
/*
 * The cleaner: a process that sleeps as long as its call manager lives, and is ended by it. Where
 * the call manager is killed instead, the cleaner removes what would stay on this host: the socket
 * in the folder and the host route. Nobody else could, the gateway having given up its rights.
 *
 * It has no descriptor but /dev/null: the kernel tells it by a signal that its parent is gone. All
 * signals are blocked and waited for, so that it is still there when everything is asked to end and
 * the call manager fails to.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "callmgr.h"
#include "sys/child.h"
#include "sys/privs.h"

static void clear_up(const struct callmgr_traces *traces)
{
	bool had_socket = join_clear_up(traces);
	int rc = route_clear_up(&traces->route);
	bool had_route = rc > 0;
	if (had_socket || had_route)
		log_info("the call manager was killed: removed %s%s%s",
		    had_socket ? traces->socket_path : "", had_socket && had_route ? " and " : "",
		    had_route ? "the host route" : "");
	if (rc < 0)
		log_info("the call manager was killed: its host route may be left, see "
			 "\"ip route show table all proto 47\": %s",
		    strerror(-rc));
}

static void sleep_until_orphaned(pid_t parent)
{
	sigset_t all;
	sigfillset(&all);
	while (getppid() == parent)
		(void)sigwaitinfo(&all, NULL);
}

static void cleaner_main(struct callmgr *cm, pid_t parent)
{
	const struct callmgr_traces *traces = cm->traces;
	bool host_route = cm->options->host_route;
	munmap(cm, sizeof(*cm));
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	log_close();
	child_close_descriptors(-1);
	log_quiet_stderr();
	privs_drop(host_route);
	sleep_until_orphaned(parent);
	clear_up(traces);
}

void cleaner_start(struct callmgr *cm)
{
	sigset_t all, before;
	pid_t parent = getpid();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before); /* before the child is there: it must miss none */
	privs_name_process("pptpcl");          /* likewise: nobody is to meet two call managers */
	cm->cleaner = child_fork();
	if (cm->cleaner == 0) {
		cleaner_main(cm, parent);
		_exit(0);
	}
	privs_name_process("pptpcm");
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (cm->cleaner < 0)
		log_info("nobody clears up should the call manager be killed: %s", strerror(errno));
	/* No other child's business. */
	(void)madvise(cm->traces, sizeof(*cm->traces), MADV_DONTFORK);
}

void cleaner_dismiss(struct callmgr *cm)
{
	child_end(cm->cleaner);
	cm->cleaner = 0;
}
