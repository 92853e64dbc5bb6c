/* SPDX-License-Identifier: ISC */
/* The peers file repeats the options of this start that decide whether the server is reached. */
#include "diagnose/advice.h"

#include <arpa/inet.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "gre/gre_header.h"

enum {
	MTU_MAX = 1500 - GRE_TUNNEL_OVERHEAD,
};

/* Neither the shell nor pppd takes these for anything else. */
static const char harmless[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,:/@%+=-";

/* In pppd's double quotes, and for the shell that runs the pty command in single ones. */
static void add_word(struct text *t, const char *word)
{
	text_add(t, " ");
	if (word[0] && word[strspn(word, harmless)] == '\0') {
		text_add(t, "%s", word);
		return;
	}
	text_add(t, "'");
	for (; *word; word++) {
		unsigned char c = (unsigned char)*word;
		if (c == '\'')
			text_add(t, "'\\\\''");
		else if (c == '"' || c == '\\')
			text_add(t, "\\%c", c);
		else if (c >= 0x20 && c < 0x7f)
			text_add(t, "%c", c);
	}
	text_add(t, "'");
}

static void add_options(struct text *t, const struct pptp_options *o)
{
	if (o->phone[0]) {
		text_add(t, " --phone");
		add_word(t, o->phone);
	}
	if (o->client_hostname[0]) {
		text_add(t, " --client-hostname");
		add_word(t, o->client_hostname);
	}
	if (o->quirks.bezeq)
		text_add(t, " --quirks BEZEQ_ISRAEL");
	if (o->localbind.s_addr != htonl(INADDR_ANY)) {
		text_add(t, " --localbind ");
		text_add_address(t, o->localbind);
	}
	if (o->rtmark)
		text_add(t, " --rtmark 0x%x", o->rtmark);
	if (!o->host_route)
		text_add(t, " --nohostroute");
}

/* The words of the user's name, where the command line has it for pppd. */
static const char *find_user(const struct pptp_options *o)
{
	for (int i = 0; i + 1 < o->pppd_argc; i++)
		if (strcmp(o->pppd_argv[i], "user") == 0 || strcmp(o->pppd_argv[i], "name") == 0)
			return o->pppd_argv[i + 1];
	return NULL;
}

static void add_name(struct text *t, const char *user)
{
	text_add(t, "name \"");
	for (const char *at = user ? user : "USER"; *at; at++) {
		if (*at == '"' || *at == '\\')
			text_add(t, "\\");
		if (*at >= ' ')
			text_add(t, "%c", *at);
	}
	text_add(t, "\"\n");
}

/* pty looks in the PATH of the program that starts pppd, which may lack our directory: the whole path. */
static void add_program(struct text *t)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	path[len > 0 ? len : 0] = '\0';
	text_add(t, "%.255s", len > 0 ? path : "/usr/sbin/pptp");
}

void advice_add(struct report *report, const struct pptp_options *o, unsigned path_mtu)
{
	struct text t = text_make(report->peers, sizeof(report->peers));
	if (path_mtu > GRE_TUNNEL_OVERHEAD)
		report->mtu = path_mtu - GRE_TUNNEL_OVERHEAD < MTU_MAX
		                  ? path_mtu - GRE_TUNNEL_OVERHEAD
		                  : MTU_MAX;
	text_add(&t, "pty \"");
	add_program(&t);
	add_word(&t, o->server);
	add_options(&t, o);
	text_add(&t, " --nolaunchpppd\"\n");
	add_name(&t, find_user(o));
	text_add(&t, "remotename NAME\nfile /etc/ppp/options.pptp\n");
	if (report->mtu)
		text_add(&t, "mtu %u\nmru %u\n", report->mtu, report->mtu);
}
