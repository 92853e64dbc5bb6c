/* SPDX-License-Identifier: ISC */
/* Each check is tried for itself; one that this user may not make is reported as unknown. */
#include "diagnose/host_checks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "sys/error_text.h"
#include "sys/pppd.h"
#include "sys/privs.h"

enum {
	PPP_MAJOR = 108, /* the kernel's Documentation/admin-guide/devices.txt */
	LINE_CAP = 512,
};

/* ---- rights ---- */

static void check_rights(struct report *report)
{
	uint64_t has = privs_permitted();
	bool raw = has & PRIVS_BIT(CAP_NET_RAW);
	bool admin = has & PRIVS_BIT(CAP_NET_ADMIN);
	struct report_result *r = report_add(report, REPORT_RIGHTS, REPORT_OK);
	report_add_number(r, "cap_net_raw", raw);
	report_add_number(r, "cap_net_admin", admin);
	if (raw && admin) {
		text_add(&r->text, "CAP_NET_RAW and CAP_NET_ADMIN are there");
		return;
	}
	text_add(&r->text, raw ? "CAP_NET_ADMIN is missing: no host route can be added"
			       : "CAP_NET_RAW is missing: no GRE packet can be sent");
	text_add(&r->advice,
	    "run it as root, or give the program cap_net_raw and cap_net_admin (PRIVILEGES in pptp(8))");
	r->state = raw ? REPORT_NOTE : REPORT_PROBLEM;
}

/* ---- /dev/ppp ---- */

static bool is_ppp_device(void)
{
	struct stat st;
	return stat("/dev/ppp", &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) == PPP_MAJOR;
}

static void check_device(struct report *report)
{
	struct report_result *r = report_add(report, REPORT_DEVICE, REPORT_OK);
	int fd = open("/dev/ppp", O_RDWR | O_CLOEXEC);
	int error = fd < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	if (!error) {
		text_add(&r->text, "/dev/ppp can be opened");
		return;
	}
	report_add_string(r, "error", error_text(error));
	if ((error == EACCES || error == EPERM) && geteuid() != 0 && is_ppp_device()) {
		r->state = REPORT_UNKNOWN;
		text_add(&r->text, "/dev/ppp is there; that it can be opened only root can see");
		return;
	}
	r->state = REPORT_PROBLEM;
	if (error == ENOENT) {
		text_add(&r->text, "/dev/ppp is missing, which pppd needs");
		text_add(&r->advice,
		    "modprobe ppp_generic; in a container: load that on the host, and pass the device in "
		    "(such as docker's --device /dev/ppp)");
	} else if (error == ENODEV || error == ENXIO) {
		text_add(&r->text, "/dev/ppp is there, but the kernel has no PPP");
		text_add(&r->advice, "modprobe ppp_generic, or a kernel that has it");
	} else {
		text_add(&r->text, "/dev/ppp cannot be opened: %s", error_text(error));
		text_add(&r->advice, "in a container: allow the device %d:0 and CAP_NET_ADMIN",
		    PPP_MAJOR);
	}
}

/* ---- modules ---- */

enum module_state {
	MODULE_THERE, /* loaded, or a part of the kernel */
	MODULE_LOADABLE,
	MODULE_MISSING,
	MODULE_UNKNOWN, /* no list of this kernel's modules */
};

static bool lists_module(FILE *file, const char *name)
{
	char line[LINE_CAP], wanted[64];
	bool found = false;
	snprintf(wanted, sizeof(wanted), "/%s.ko", name);
	while (!found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, ":")] = '\0'; /* in modules.dep what it depends on follows */
		found = strstr(line, wanted) != NULL;
	}
	return found;
}

/* In a list of the running kernel: 1 it is there, 0 it is not, -1 there is no list. */
static int look_in_list(const char *list, const char *name)
{
	struct utsname kernel;
	char path[sizeof(kernel.release) + 64];
	if (uname(&kernel) < 0)
		return -1;
	snprintf(path, sizeof(path), "/lib/modules/%s/%s", kernel.release, list);
	FILE *file = fopen(path, "re");
	if (!file)
		return -1;
	int found = lists_module(file, name);
	fclose(file);
	return found;
}

static enum module_state find_module(const char *name)
{
	char path[64];
	snprintf(path, sizeof(path), "/sys/module/%s", name);
	if (access(path, F_OK) == 0)
		return MODULE_THERE;
	int builtin = look_in_list("modules.builtin", name);
	int loadable = look_in_list("modules.dep", name);
	if (builtin > 0)
		return MODULE_THERE;
	if (loadable > 0)
		return MODULE_LOADABLE;
	return builtin < 0 || loadable < 0 ? MODULE_UNKNOWN : MODULE_MISSING;
}

static void check_modules(struct report *report)
{
	static const char *const names[] = {"ppp_generic", "ppp_async", "ppp_mppe"};
	static const char *const phrases[] = {[MODULE_THERE] = "there",
	    [MODULE_LOADABLE] = "loaded when needed",
	    [MODULE_MISSING] = "missing",
	    [MODULE_UNKNOWN] = "not known"};
	struct report_result *r = report_add(report, REPORT_MODULES, REPORT_OK);
	enum module_state states[3];
	for (size_t i = 0; i < 3; i++) {
		states[i] = find_module(names[i]);
		text_add(&r->text, "%s%s %s", i ? ", " : "", names[i], phrases[states[i]]);
		report_add_string(r, names[i], phrases[states[i]]);
		if (states[i] == MODULE_UNKNOWN)
			r->state = REPORT_UNKNOWN;
	}
	if (states[2] == MODULE_MISSING)
		r->state = REPORT_NOTE;
	if (states[0] == MODULE_MISSING || states[1] == MODULE_MISSING)
		r->state = REPORT_PROBLEM;
	if (r->state == REPORT_PROBLEM)
		text_add(&r->advice, "a kernel, or a package of modules, that has them");
	else if (r->state == REPORT_NOTE)
		text_add(&r->advice,
		    "without ppp_mppe there is no encryption, which most servers require: a kernel, or a "
		    "package of modules, that has it");
	else if (r->state == REPORT_UNKNOWN)
		text_add(&r->text,
		    " (there is no list of the kernel's modules here, as in a container)");
}

/* ---- FIPS mode ---- */

static void check_fips(struct report *report)
{
	struct report_result *r = report_add(report, REPORT_FIPS, REPORT_OK);
	FILE *file = fopen("/proc/sys/crypto/fips_enabled", "re");
	int digit = file ? fgetc(file) : '0';
	if (file)
		fclose(file);
	report_add_number(r, "enabled", digit == '1');
	if (digit != '1') {
		text_add(&r->text, "FIPS mode is off");
		return;
	}
	r->state = REPORT_PROBLEM;
	text_add(&r->text,
	    "FIPS mode is on: the kernel and libcrypto refuse MD4 and RC4, which MS-CHAPv2 and MPPE "
	    "need");
	text_add(
	    &r->advice, "PPTP cannot be used in FIPS mode: another kind of tunnel, such as IPsec");
}

/* ---- pppd ---- */

static void check_pppd(struct report *report)
{
	char line[128] = "";
	struct report_result *r = report_add(report, REPORT_PPPD, REPORT_OK);
	int error = pppd_version(line, sizeof(line), !privs_is_elevated());
	if (!error) {
		text_add_printable(&r->text, line, sizeof(line));
		report_add_string(r, "version", line);
		return;
	}
	report_add_string(r, "error", error_text(-error));
	r->state = REPORT_PROBLEM;
	if (error == -ENOENT) {
		text_add(&r->text, "pppd is not installed");
		text_add(&r->advice, "install it (Debian: apt install ppp)");
	} else if (error == -EACCES && geteuid() != 0) {
		r->state = REPORT_UNKNOWN;
		text_add(&r->text, "pppd is there, but this user may not execute it");
		text_add(&r->advice,
		    "run this as root, or add the user to the group of pppd (Debian: dip)");
	} else {
		text_add(&r->text, "pppd cannot be started: %s", error_text(-error));
	}
}

void host_checks_run(struct report *report)
{
	check_rights(report);
	check_device(report);
	check_modules(report);
	check_fips(report);
	check_pppd(report);
}
