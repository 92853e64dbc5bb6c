/* SPDX-License-Identifier: ISC */
/*
 * Any text as a server, and any answer of the child that looks a name up, which reads what name servers
 * send: at least one address comes with success, and never more than there is space for.
 */
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "callmgr/resolve.h"
#include "fuzz.h"

static void check_literal(const uint8_t *bytes, size_t len)
{
	struct in_addr address;
	char *text = strndup((const char *)bytes, len);
	(void)resolve_literal(text, &address);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct in_addr addresses[RESOLVE_MAX];
	size_t count = RESOLVE_MAX + 1;
	int fds[2];
	if (pipe2(fds, O_NONBLOCK) < 0)
		abort();
	if (write(fds[1], bytes, len) != (ssize_t)len)
		abort();
	close(fds[1]);
	struct resolver r = {.child = -1, .fd = fds[0]};
	int error = resolver_answer(&r, addresses, &count);
	if (count > RESOLVE_MAX || (error == 0) != (count > 0))
		abort();
	resolver_end(&r);
	check_literal(bytes, len);
	return 0;
}
