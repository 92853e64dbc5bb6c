/* SPDX-License-Identifier: ISC */
/* Keeps the results in the order in which they were found. */
#include "diagnose/report.h"

struct report_result *report_add(struct report *r, enum report_step step, enum report_state state)
{
	if (r->count < REPORT_RESULTS_MAX)
		r->count++;
	struct report_result *result = &r->results[r->count - 1];
	result->step = step;
	result->state = state;
	result->text = text_make(result->text_buffer, sizeof(result->text_buffer));
	result->advice = text_make(result->advice_buffer, sizeof(result->advice_buffer));
	result->fact_count = 0;
	return result;
}

static struct report_fact *add_fact(
    struct report_result *r, const char *name, enum report_fact_kind kind)
{
	size_t at = r->fact_count < REPORT_FACTS_MAX ? r->fact_count++ : REPORT_FACTS_MAX - 1;
	struct report_fact *fact = &r->facts[at];
	fact->name = name;
	fact->kind = kind;
	return fact;
}

void report_add_number(struct report_result *r, const char *name, int64_t number)
{
	add_fact(r, name, REPORT_NUMBER)->number = number;
}

void report_add_ms(struct report_result *r, const char *name, int64_t us)
{
	add_fact(r, name, REPORT_MILLISECONDS)->number = us;
}

void report_add_string(struct report_result *r, const char *name, const char *string)
{
	struct report_fact *fact = add_fact(r, name, REPORT_STRING);
	struct text t = text_make(fact->string, sizeof(fact->string));
	text_add_printable(&t, string, sizeof(fact->string));
}

void report_add_address(struct report_result *r, const char *name, struct in_addr address)
{
	struct report_fact *fact = add_fact(r, name, REPORT_STRING);
	struct text t = text_make(fact->string, sizeof(fact->string));
	text_add_address(&t, address);
}

void report_add_addresses(
    struct report_result *r, const char *name, const struct in_addr *addresses, size_t count)
{
	struct report_fact *fact = add_fact(r, name, REPORT_LIST);
	struct text t = text_make(fact->string, sizeof(fact->string));
	for (size_t i = 0; i < count; i++) {
		text_add(&t, "%s", i ? " " : "");
		text_add_address(&t, addresses[i]);
	}
}

int report_exit_status(const struct report *r)
{
	int lowest = REPORT_STEPS;
	for (size_t i = 0; i < r->count; i++)
		if (r->results[i].state == REPORT_PROBLEM && (int)r->results[i].step < lowest)
			lowest = (int)r->results[i].step;
	return lowest == REPORT_STEPS ? 0 : REPORT_EXIT_BASE + lowest;
}

const char *report_step_name(enum report_step step)
{
	static const char *const names[REPORT_STEPS] = {
	    [REPORT_NAME] = "name",
	    [REPORT_ROUTE] = "route",
	    [REPORT_TCP] = "tcp",
	    [REPORT_CONTROL] = "control",
	    [REPORT_CALL] = "call",
	    [REPORT_GRE] = "gre",
	    [REPORT_MTU] = "mtu",
	    [REPORT_FIREWALL] = "firewall",
	    [REPORT_RIGHTS] = "rights",
	    [REPORT_DEVICE] = "device",
	    [REPORT_MODULES] = "modules",
	    [REPORT_FIPS] = "fips",
	    [REPORT_PPPD] = "pppd",
	    [REPORT_PPP] = "ppp",
	};
	return names[step];
}

const char *report_state_name(enum report_state state)
{
	static const char *const names[] = {[REPORT_OK] = "ok",
	    [REPORT_NOTE] = "note",
	    [REPORT_PROBLEM] = "problem",
	    [REPORT_UNKNOWN] = "unknown"};
	return names[state];
}
