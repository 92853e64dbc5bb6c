/* SPDX-License-Identifier: ISC */
/* The line about packets that are too large for the path, whose MTU the test tells. */
#include "gateway/net_tx.h"

#include <sys/mman.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "sys/netsock.h"
#include "unit.h"

static struct net_tx tx;
static struct gre_session session;
static struct pqueue queue;
static struct pptp_stats stats;
static int near_gre;
static int64_t now_us;

/* Takes the place of the module's. */
unsigned netsock_path_mtu(int fd, struct in_addr server)
{
	(void)fd, (void)server;
	return 1000;
}

static void set_up(void)
{
	const struct gre_session_config config = {.server_window = 8};
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	near_gre = fds[0];
	memset(&stats, 0, sizeof(stats));
	gre_session_init(&session, &config, &queue, &stats);
	net_tx_init(&tx, &(struct net_tx_config){.fd = near_gre}, &session, &stats);
}

static void send_frame(size_t len)
{
	memset(net_tx_frame_buffer(&tx), 0x11, len);
	net_tx_add(&tx, len);
	net_tx_flush(&tx, now_us, 0);
}

START_TEST(net_tx_tells_the_mtu_once_though_the_socket_is_connected_late)
{
	char text[4096] = "";
	int file = memfd_create("log", 0), count = 0;
	set_up(); /* the socket was connected before, by a packet of the server that dropped the call */
	ck_assert_int_eq(dup2(file, STDERR_FILENO), STDERR_FILENO);
	send_frame(1400);
	net_tx_on_connected(&tx); /* the first packet of this server */
	send_frame(1400);
	ck_assert_int_ge(pread(file, text, sizeof(text) - 1, 0), 0);
	for (const char *p = text; (p = strstr(p, "too large")); p++)
		count++;
	ck_assert_int_eq(count, 1);
	ck_assert_ptr_nonnull(strstr(text, "mtu 956 mru 956"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("net_tx_mtu");
	TCase *tc = tcase_create("net_tx");
	tcase_add_test(tc, net_tx_tells_the_mtu_once_though_the_socket_is_connected_late);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
