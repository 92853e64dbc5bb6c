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

/* What a router would send back for a GRE packet of ours: 127.0.0.9 to 127.0.0.1. */
static inline void send_icmp(
    uint8_t type, uint8_t code, const char *quoted_destination, unsigned call)
{
	enum {
		QUOTED_IP = 20
	};
	uint8_t m[8 + QUOTED_IP + 8] = {type, code};
	uint8_t *ip = m + 8, *gre = ip + QUOTED_IP;
	struct in_addr ours = address("127.0.0.1"), theirs = address(quoted_destination);
	ip[0] = 0x45;
	ip[3] = QUOTED_IP + 8;
	ip[8] = 64;
	ip[9] = 47;
	memcpy(ip + 12, &ours, sizeof(ours));
	memcpy(ip + 16, &theirs, sizeof(theirs));
	gre[0] = 0x30;
	gre[1] = 0x01;
	gre[2] = 0x88;
	gre[3] = 0x0b;
	gre[6] = (uint8_t)(call >> 8);
	gre[7] = (uint8_t)call;
	uint32_t sum = 0;
	for (size_t i = 0; i < sizeof(m); i += 2)
		sum += (uint32_t)(m[i] << 8 | m[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	m[2] = (uint8_t)(~sum >> 8);
	m[3] = (uint8_t)~sum;
	int sender = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = address("127.0.0.9")};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = ours};
	ck_assert_int_eq(bind(sender, (struct sockaddr *)&from, sizeof(from)), 0);
	ck_assert_int_eq(sendto(sender, m, sizeof(m), 0, (struct sockaddr *)&to, sizeof(to)),
	    (ssize_t)sizeof(m));
	close(sender);
}

#endif
