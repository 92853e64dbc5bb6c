/* SPDX-License-Identifier: ISC */
/* GRE on the loopback device of a network namespace that each test has for itself. */
#ifndef PPTP_TESTS_RAW_FIXTURE_H
#define PPTP_TESTS_RAW_FIXTURE_H

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "private_net.h"
#include "unit.h"

static inline struct in_addr address(const char *text)
{
	struct in_addr a;
	ck_assert_int_eq(inet_pton(AF_INET, text, &a), 1);
	return a;
}

/* Sends a GRE packet from `source` to 127.0.0.1. */
static inline void send_gre(const char *source, const void *packet, size_t len)
{
	int fd = socket(AF_INET, SOCK_RAW, 47);
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = address(source)};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = address("127.0.0.1")};
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	ck_assert_int_eq(
	    sendto(fd, packet, len, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)len);
	close(fd);
}

#endif
