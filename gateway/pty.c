/* SPDX-License-Identifier: ISC */
/*
 * What both kinds of pty do alike: reading bytes and noticing that pppd has closed its side.
 */
#include "gateway/pty.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void pty_init(struct pty *p, const struct pty_ops *ops, const struct pty_config *config,
    struct net_tx *tx, struct pptp_stats *stats)
{
	*p = (struct pty){
	    .ops = ops,
	    .config = *config,
	    .tx = tx,
	    .stats = stats,
	    .read_deadline_us = DEADLINE_NEVER,
	};
}

void pty_hang_up(struct pty *p, int error)
{
	p->hung_up = true;
	p->error = error == EPIPE ? 0 : error;
}

size_t pty_read_bytes(struct pty *p, uint8_t *to)
{
	ssize_t n;

	do
		n = read(p->config.in, to, PTY_READ_CAP);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		const struct pty_ops *ops = p->ops;
		if (!p->has_spoken && (size_t)n >= ops->mismatch_len &&
		    memcmp(to, ops->mismatch, ops->mismatch_len) == 0)
			p->refusal = ops->mismatch_text;
		p->has_spoken = true;
		return (size_t)n;
	}
	if (n == 0 || errno != EAGAIN)
		pty_hang_up(p, n < 0 ? errno : 0);
	else if (p->was_closed)
		pty_hang_up(p, 0);
	return 0;
}
