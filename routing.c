/* SPDX-License-Identifier: ISC */
/*
 * The policy of the host route. Netlink framing is rtnl.c's, who else needs the route is
 * route_holder.c's.
 *
 * The kernel cannot be asked how it would reach the server without our route, and removing the
 * route to ask would let packets take another path meanwhile. So two answers are combined: a lookup
 * says which table the rules (source, mark) choose, and a scan of that table says which routes cover
 * the server, ours and the tunnels' left out. Where the table has none, main and default follow, as
 * with the standard rules. Our route is changed by adding the new one in front of the old one and
 * then removing the old one: there is always one.
 *
 * Our route works while the kernel has it and does not mark it dead. The kernel removes it without a
 * notification when its device goes down or its address is removed. Whether a hop can be used again,
 * adding the route tells: the kernel refuses it while the device is down or the gateway unreachable.
 */
#include "routing.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
	HOST = 32,      /* prefix length of a host route */
	OURS_MAX = 8,   /* routes of ours to one server in one table; more than one is rare */
	DUMP_TRIES = 5, /* of a dump that changes interrupt */
	/* A route that is removed so often within this span is left alone: a program that does so on
	 * purpose is not to be fought for ever. */
	RESTORES_MAX = 10,
	RESTORE_SPAN_US = 60 * USEC_PER_SEC,
	/* A shorter prefix (0/0, 0/1) is a default route, also without a gateway. */
	ON_LINK_PREFIX = 2,
};

/* How the kernel would send a packet to the server now. */
struct route_path {
	struct in_addr gateway; /* INADDR_ANY: on-link, or through an IPv6 gateway */
	struct in_addr source;
	int device_index;
	bool local;     /* to this host itself */
	uint32_t table; /* in which the kernel found it */
};

/* What the routes in one table, or in those that follow it, say. */
struct route_scan {
	struct host_route *route;
	struct route_hop used;       /* the kernel's answer: its choice among the hops of a route */
	uint32_t table;              /* being read */
	struct route_candidate best; /* neither ours nor through a tunnel */
	struct route_candidate local;  /* the best one by the device that has our address */
	struct route_candidate home;   /* what has become of the route that ours was copied from */
	struct route_candidate tunnel; /* the best one through our tunnel */
	bool hop_confirmed;            /* the home route still leads to the hop of ours */
	struct route_hop ours[OURS_MAX]; /* in the first table */
	size_t ours_count;
	bool ours_live; /* the kernel does not mark all of them dead */
	bool guard;
};

static bool covers(const struct route_msg *m, struct in_addr host)
{
	uint8_t prefix = m->fixed.rtm_dst_len;
	if (prefix == 0)
		return true;
	uint32_t mask = prefix >= HOST ? UINT32_MAX : ~(UINT32_MAX >> prefix);
	return ((ntohl(m->destination.s_addr) ^ ntohl(host.s_addr)) & mask) == 0;
}

/* ---- questions to the kernel ---- */

/* False where the device does not exist. Any socket serves for these ioctls. */
static bool get_device(const struct host_route *r, int index, struct ifreq *request)
{
	*request = (struct ifreq){.ifr_ifindex = index};
	return ioctl(r->rtnl.fd, SIOCGIFNAME, request) == 0;
}

static void copy_name(const struct host_route *r, int index, char name[ROUTE_DEVICE_MAX])
{
	struct ifreq device;
	_Static_assert(IFNAMSIZ == ROUTE_DEVICE_MAX, "a device's name with its NUL");
	if (get_device(r, index, &device))
		memcpy(name, device.ifr_name, ROUTE_DEVICE_MAX);
}

/* How the kernel routes what a TCP connection from `local` sends. 0, -ENETUNREACH (also for a local
 * address that is not there) or another negative errno. */
static int look_up(struct host_route *r, struct in_addr local, struct route_path *path)
{
	struct rtnl *rtnl = &r->rtnl;
	struct in_addr server = r->request.server;
	uint32_t mark = r->request.mark;
	struct route_msg answer, again;
	*path = (struct route_path){.table = RT_TABLE_MAIN};
	int rc = route_msg_lookup(rtnl, server, local, mark, RTM_F_LOOKUP_TABLE, &answer);
	if (rc < 0)
		return rc;
	/* connect() does the same: the source that it finds may meet another rule. */
	struct in_addr source = answer.hops[0].source;
	if (local.s_addr != htonl(INADDR_ANY))
		source = local;
	else if (route_msg_lookup(rtnl, server, source, mark, RTM_F_LOOKUP_TABLE, &again) == 0)
		answer = again;
	path->gateway = answer.hops[0].gateway;
	path->source = source;
	path->device_index = answer.hops[0].device_index;
	path->local = answer.fixed.rtm_type == RTN_LOCAL;
	path->table = answer.table;
	if (answer.fixed.rtm_type != RTN_LOCAL && answer.fixed.rtm_type != RTN_UNICAST)
		return -ENETUNREACH;
	return 0;
}

static bool is_our_tunnel(const struct host_route *r, int device_index)
{
	return r->request.tunnel_index != 0 && device_index == (int)r->request.tunnel_index;
}

/* Also one of another call to this server, which would loop there. Every local user can make that
 * statement: of an uplink that no tunnel is like it must not be believed. */
static bool is_any_tunnel(const struct host_route *r, int device_index)
{
	struct ifreq device;
	if (is_our_tunnel(r, device_index))
		return true;
	return get_device(r, device_index, &device) &&
	       ioctl(r->rtnl.fd, SIOCGIFFLAGS, &device) == 0 &&
	       (device.ifr_flags & IFF_POINTOPOINT) &&
	       route_holder_others(&ROUTE_HOLDER_NONE, ROUTE_HOLDER_TUNNEL, r->request.server,
		   (uint32_t)device_index);
}

/* The path of what the connection sends: from its own address, as far as that is known. */
static int look(struct host_route *r, struct route_path *path)
{
	struct in_addr from = r->source_set ? r->source : r->request.local;
	int rc = look_up(r, from, path);
	if (rc == 0 && !r->source_set)
		r->source = path->source;
	return rc;
}

static bool leads_into_tunnel(const struct host_route *r, int found, const struct route_path *path)
{
	return found == 0 && is_our_tunnel(r, path->device_index);
}

/* The index of the device that has this address; 0 = none has. */
static int device_of_address(struct host_route *r, struct in_addr address)
{
	static const struct in_addr any = {INADDR_ANY};
	struct route_msg answer;
	if (address.s_addr == any.s_addr ||
	    route_msg_lookup(&r->rtnl, address, any, 0, RTM_F_FIB_MATCH, &answer) < 0)
		return 0;
	return answer.fixed.rtm_type == RTN_LOCAL ? answer.hops[0].device_index : 0;
}

/* Whether our address is still one of this host, and on which device. */
static void look_for_source(struct host_route *r)
{
	r->source_device = device_of_address(r, r->source);
	/* Until it is set any address will do. */
	r->source_local = r->source_device != 0 || !r->source_set;
}

/* ---- the scan ---- */

static bool beats(const struct route_candidate *a, const struct route_candidate *b)
{
	if (!b->found || !a->found)
		return a->found;
	if (a->prefix != b->prefix)
		return a->prefix > b->prefix;
	return a->metric < b->metric; /* of equals the kernel takes the first, too */
}

static void keep_better(struct route_candidate *kept, const struct route_candidate *c)
{
	if (beats(c, kept))
		*kept = *c;
}

static bool is_home_route(const struct route_candidate *home, const struct route_candidate *c)
{
	if (!home->found)
		return c->hop.gateway.s_addr == home->hop.gateway.s_addr &&
		       c->hop.has_gateway6 == home->hop.has_gateway6;
	return c->destination.s_addr == home->destination.s_addr && c->prefix == home->prefix &&
	       c->table == home->table;
}

/* The uplink with which the call began: the device, or the one that has its address since. */
static int home_device(const struct host_route *r)
{
	struct ifreq device;
	if (get_device(r, r->home_index, &device))
		return r->home_index;
	if (r->source_device == 0 || is_any_tunnel(r, r->source_device) ||
	    !get_device(r, r->source_device, &device))
		return 0;
	/* While the tunnel is not known, a device of another name may be the tunnel. */
	if (r->request.tunnel_index == 0 && strcmp(device.ifr_name, r->home_name) != 0)
		return 0;
	if (ioctl(r->rtnl.fd, SIOCGIFFLAGS, &device) < 0 || device.ifr_flags & IFF_LOOPBACK)
		return 0;
	return r->source_device;
}

static void scan_hop(struct route_scan *s, const struct route_candidate *c)
{
	struct host_route *r = s->route;
	int device = c->hop.device_index;
	if (is_our_tunnel(r, device)) {
		keep_better(&s->tunnel, c);
		return;
	}
	if (device != 0 && is_any_tunnel(r, device))
		return;
	if (is_home_route(&r->home, c)) {
		/* Of a nexthop object that the dump does not resolve no change can be seen. */
		if (route_hop_same_gateway(&c->hop, &r->hop) || (device == 0 && c->hop.incomplete))
			s->hop_confirmed = true;
		if (r->home_index != 0 && device == home_device(r) && !c->hop.incomplete &&
		    c->type == RTN_UNICAST)
			keep_better(&s->home, c);
	}
	if (device != 0 && device == r->source_device)
		keep_better(&s->local, c);
	keep_better(&s->best, c);
}

static void scan_ours(struct route_scan *s, const struct route_msg *m)
{
	if (m->fixed.rtm_type == RTN_UNREACHABLE) {
		s->guard = true;
		return;
	}
	if (!(m->fixed.rtm_flags & RTNH_F_DEAD))
		s->ours_live = true;
	if (s->ours_count < OURS_MAX)
		s->ours[s->ours_count++] = m->hops[0];
}

static void scan_handler(void *context, uint16_t type, struct rtnl_view body)
{
	struct route_scan *s = context;
	struct route_msg m;
	if (type != RTM_NEWROUTE || !route_msg_parse(body, &m) || m.table != s->table ||
	    m.fixed.rtm_tos != 0 || m.hop_count == 0 || !covers(&m, s->route->request.server))
		return;
	if (m.fixed.rtm_dst_len == HOST && m.fixed.rtm_protocol == ROUTE_PROTOCOL) {
		scan_ours(s, &m);
		return;
	}
	if (m.fixed.rtm_flags & RTNH_F_DEAD)
		return; /* no carrier, and ignore_routes_with_linkdown: the kernel skips it as well */
	struct route_candidate c = {.found = true,
	    .type = m.fixed.rtm_type,
	    .prefix = m.fixed.rtm_dst_len,
	    .destination = m.destination,
	    .metric = m.metric,
	    .table = m.table};
	/* The hop in use comes first, so that all calls to the server choose the same. */
	for (size_t i = 1; i < m.hop_count; i++) {
		struct route_hop first = m.hops[0];
		if (!route_hop_same_gateway(&m.hops[i], &s->used))
			continue;
		m.hops[0] = m.hops[i];
		m.hops[i] = first;
	}
	for (size_t i = 0; i < m.hop_count; i++) {
		c.hop = m.hops[i];
		scan_hop(s, &c);
	}
}

/* Dumps one table into `s`. */
static int scan_table(struct route_scan *s, uint32_t table)
{
	struct route_scan start = *s;
	int rc = -EAGAIN;
	for (int i = 0; i < DUMP_TRIES && rc == -EAGAIN; i++) {
		*s = start;
		s->table = table;
		rc = route_msg_dump(&s->route->rtnl, table, scan_handler, s);
	}
	return rc;
}

static int scan_all(
    struct route_scan *s, struct host_route *r, const struct route_path *used, uint32_t table)
{
	static const uint32_t after[] = {RT_TABLE_MAIN, RT_TABLE_DEFAULT};
	*s = (struct route_scan){
	    .route = r, .used = {.gateway = used->gateway, .device_index = used->device_index}};
	int rc = scan_table(s, table);
	for (size_t i = 0; i < 2 && rc == 0; i++) {
		bool decided = s->best.found && s->best.type != RTN_THROW;
		if (table == after[i] || (decided && r->home.table != after[i]))
			continue;
		struct route_scan next = {.route = r, .used = s->used};
		rc = scan_table(&next, after[i]);
		keep_better(&s->home, &next.home);
		s->hop_confirmed = s->hop_confirmed || next.hop_confirmed;
		if (decided)
			continue;
		s->best = next.best;
		keep_better(&s->local, &next.local);
		keep_better(&s->tunnel, &next.tunnel);
	}
	s->table = table;
	return rc;
}

/* ---- changes ---- */

/* Adds our host route over `hop` (NULL: the guard) to `table`, in front of others like it, or deletes
 * it. */
static int change_route(
    struct host_route *r, uint16_t type, uint32_t table, const struct route_hop *hop)
{
	return route_msg_change(&r->rtnl, type, r->request.server, table, hop);
}

static bool others_hold(const struct host_route *r, uint32_t table)
{
	return route_holder_others(&r->hold, ROUTE_HOLDER_TABLE, r->request.server, table);
}

/* Gives up the hold on r->table; the last holder removes whatever of ours is there. The order makes
 * sure that of two calls that end at once at least one sees itself to be the last. */
static void release_table(struct host_route *r)
{
	struct route_scan s = {.route = r};
	if (!r->holding)
		return;
	r->holding = r->present = r->guarded = false;
	route_holder_release(&r->hold);
	if (others_hold(r, r->table) || scan_table(&s, r->table) < 0)
		return;
	for (size_t i = 0; i < s.ours_count; i++)
		(void)change_route(r, RTM_DELROUTE, r->table, &s.ours[i]);
	if (s.guard)
		(void)change_route(r, RTM_DELROUTE, r->table, NULL);
}

/* A call that finds no socket for its hold uses and removes the route all the same. */
static void hold_table(struct host_route *r, uint32_t table)
{
	if (r->holding && r->table == table)
		return;
	release_table(r);
	r->table = table;
	r->holding = true;
	(void)route_holder_take(&r->hold, ROUTE_HOLDER_TABLE, r->request.server, table);
}

static void use_route(struct host_route *r, const struct route_hop *hop)
{
	r->added = r->present = true;
	r->hop = *hop;
}

/* Makes `hop` the only route of ours, the guard aside, in the held table. 0 or a negative errno. */
static int put_route(struct host_route *r, const struct route_scan *s, const struct route_hop *hop)
{
	bool there = false;
	for (size_t i = 0; i < s->ours_count; i++)
		there = there || route_hop_equal(&s->ours[i], hop);
	int rc = there ? 0 : change_route(r, RTM_NEWROUTE, s->table, hop);
	if (rc < 0 && rc != -EEXIST)
		return rc;
	use_route(r, hop);
	if (rc == -EEXIST)
		return 0; /* to the kernel, one of ours is this very one: then none of them is to go */
	for (size_t i = 0; i < s->ours_count; i++)
		if (!route_hop_equal(&s->ours[i], hop))
			(void)change_route(r, RTM_DELROUTE, s->table, &s->ours[i]);
	return 0;
}

static void set_home(struct host_route *r, const struct route_candidate *c)
{
	r->home = *c;
	r->home.hop = r->hop;
	r->home_index = r->hop.device_index;
	copy_name(r, r->hop.device_index, r->home_name);
	(void)route_holder_take(
	    &r->uplink, ROUTE_HOLDER_UPLINK, r->request.server, (uint32_t)r->hop.device_index);
}

/* ---- the first decision ---- */

/* An on-link network or another's host route; but a tunnel may have the server's own address at its
 * other end, to which the kernel makes a host route as well. */
static bool is_enough_alone(const struct route_scan *s, const struct route_candidate *c)
{
	return (c->prefix == HOST ||
		   (route_hop_is_direct(&c->hop) && c->prefix >= ON_LINK_PREFIX)) &&
	       (!s->tunnel.found || beats(c, &s->tunnel));
}

/* Adds the host route where the best path outside all tunnels needs one. 0 or a negative errno. */
static int add_where_needed(struct host_route *r, const struct route_scan *s)
{
	static const struct route_candidate unknown = {0};
	if (s->ours_live && others_hold(r, s->table)) {
		use_route(r, &s->ours[0]);
		set_home(r, s->best.found && route_hop_same_gateway(&s->best.hop, &r->hop)
				? &s->best
				: &unknown);
		return 0;
	}
	if (!s->best.found || s->best.type != RTN_UNICAST || is_enough_alone(s, &s->best))
		return 0;
	if (s->best.hop.incomplete)
		return -EOPNOTSUPP;
	int rc = put_route(r, s, &s->best.hop);
	if (rc == 0)
		set_home(r, &s->best);
	return rc;
}

/* ---- keeping it ---- */

/* The route that ours was copied from leads to another gateway now, or is there again. */
static bool home_has_moved(const struct host_route *r, const struct route_scan *s)
{
	if (!s->home.found || r->request.tunnel_index == 0)
		return false;
	if (s->home.hop.device_index == r->hop.device_index)
		return r->home.found && !s->hop_confirmed;
	/* Another call may have begun through the device to which this one had to move. */
	return !route_holder_others(&ROUTE_HOLDER_NONE, ROUTE_HOLDER_UPLINK, r->request.server,
	    (uint32_t)r->hop.device_index);
}

static int put_home_route(
    struct host_route *r, const struct route_scan *s, const struct route_hop *hop)
{
	int before = r->home_index;
	int rc = put_route(r, s, hop);
	if (rc < 0)
		return rc;
	r->home.hop = *hop;
	r->home_index = hop->device_index;
	if (before != hop->device_index)
		(void)route_holder_take(&r->uplink, ROUTE_HOLDER_UPLINK, r->request.server,
		    (uint32_t)hop->device_index);
	return 0;
}

/* Puts the hop back if the kernel takes it. */
static int retry_hop(struct host_route *r, const struct route_scan *s, struct route_hop hop)
{
	bool home = hop.device_index == r->home_index;
	if (home)
		hop.device_index = home_device(r);
	if (hop.device_index == 0)
		return -ENODEV;
	int rc = home ? put_home_route(r, s, &hop) : put_route(r, s, &hop);
	/* `ip route flush dev` removes the network that the gateway is on as well, but neither the
	 * gateway nor our address on the device. */
	if (rc == 0 || !r->source_set || r->source_device != hop.device_index)
		return rc;
	hop.on_link_flag = true;
	return home ? put_home_route(r, s, &hop) : put_route(r, s, &hop);
}

static int restore_route(struct host_route *r, const struct route_scan *s)
{
	int rc = -ENETUNREACH;
	if (home_has_moved(r, s))
		rc = put_home_route(r, s, &s->home.hop);
	if (rc < 0)
		rc = retry_hop(r, s, r->hop);
	if (rc < 0 && r->hop.device_index != r->home_index)
		rc = retry_hop(r, s, r->home.hop);
	return rc;
}

/* Leaves the route alone while it works; else restores it, else moves it. 0 where there is a path that
 * needs no guard; or a negative errno. */
static int maintain(struct host_route *r, const struct route_scan *s)
{
	if (s->ours_live) {
		use_route(r, &s->ours[0]); /* another call may have moved it */
		if (home_has_moved(r, s))
			return put_home_route(r, s, &s->home.hop);
		return s->ours_count > 1 ? put_route(r, s, &s->ours[0]) : 0;
	}
	if (!r->source_local)
		return -ENETUNREACH; /* no route helps the connection */
	if (r->added && s->ours_count == 0 && restore_route(r, s) == 0)
		return 0;
	if (r->request.tunnel_index == 0 || !s->best.found || s->best.type != RTN_UNICAST)
		return -ENETUNREACH;
	bool use_local = s->local.found && s->local.type == RTN_UNICAST && !s->local.hop.incomplete;
	const struct route_candidate *to = use_local ? &s->local : &s->best;
	if (to->hop.incomplete)
		return -EOPNOTSUPP;
	if (!r->wanted && is_enough_alone(s, to))
		return 0;
	bool first = !r->added;
	int rc = put_route(r, s, &to->hop);
	if (rc == 0 && first)
		set_home(r, to);
	return rc;
}

static int reconcile_table(
    struct host_route *r, const struct route_path *path, int found, uint32_t table)
{
	struct route_scan s;
	hold_table(r, table);
	int rc = scan_all(&s, r, path, table);
	if (rc < 0)
		return rc;
	r->removed = r->removed || (r->present && s.ours_count == 0);
	r->present = s.ours_live;
	r->guarded = s.guard;
	if (!r->decided)
		rc = add_where_needed(r, &s);
	else if (r->wanted || found < 0 || leads_into_tunnel(r, found, path))
		rc = maintain(r, &s);
	if (rc == 0 && s.guard && change_route(r, RTM_DELROUTE, table, NULL) == 0)
		r->guarded = false;
	if (!r->added && !r->guarded)
		release_table(r);
	return rc;
}

/*
 * Makes the kernel's answer, which is in *path and *found (0 or a negative errno) before and after,
 * a path outside our tunnel, or none at all. 0 or the reason why nothing could be added.
 */
static int reconcile(struct host_route *r, struct route_path *path, int *found)
{
	uint32_t table = r->holding || *found < 0 ? r->table : path->table;
	int rc = reconcile_table(r, path, *found, table);
	*found = look(r, path);
	/* A rule has come that sends our packets to another table. */
	if (r->present && leads_into_tunnel(r, *found, path)) {
		rc = reconcile_table(r, path, *found, path->table);
		*found = look(r, path);
	}
	/* Nothing is worth waiting for where there was no path to begin with. */
	for (int i = 0; i < 2 && r->decided && leads_into_tunnel(r, *found, path); i++) {
		hold_table(r, i == 0 ? r->table : path->table);
		int guard = change_route(r, RTM_NEWROUTE, r->table, NULL);
		r->guarded = guard == 0 || guard == -EEXIST;
		*found = look(r, path);
	}
	if (!r->added && !r->guarded)
		release_table(r);
	return rc;
}

/* How things are, with the reason why nothing could be added in *error. */
static enum route_state refresh(struct host_route *r, int *error)
{
	struct route_path path;
	look_for_source(r);
	int found = look(r, &path);
	*error = 0;
	r->removed = false;
	if (r->request.manage && !path.local && (found == 0 || r->decided))
		*error = reconcile(r, &path, &found);
	if (found < 0) {
		*error = found;
		return ROUTE_STATE_NONE;
	}
	if (leads_into_tunnel(r, found, &path)) {
		*error = -ELOOP;
		return ROUTE_STATE_LOOP;
	}
	copy_name(r, path.device_index, r->device);
	if (!r->decided) {
		r->wanted = r->added || *error < 0;
		if (!r->added)
			r->home_index = path.device_index;
	}
	r->decided = true;
	return ROUTE_STATE_GOOD;
}

/* ---- what the caller sees ---- */

/* Tables in which a guard for the server is. */
struct guards {
	struct in_addr server;
	uint32_t tables[OURS_MAX];
	size_t count;
};

static void guards_handler(void *context, uint16_t type, struct rtnl_view body)
{
	struct guards *g = context;
	struct route_msg m;
	if (type == RTM_NEWROUTE && route_msg_parse(body, &m) && m.fixed.rtm_dst_len == HOST &&
	    m.fixed.rtm_protocol == ROUTE_PROTOCOL && m.fixed.rtm_type == RTN_UNREACHABLE &&
	    m.destination.s_addr == g->server.s_addr && g->count < OURS_MAX)
		g->tables[g->count++] = m.table;
}

/* Removes the guards of killed processes, in whatever table: a lookup that ends at one does not say
 * where it is. */
static void remove_stale_guards(struct host_route *r)
{
	struct guards g = {.server = r->request.server};
	(void)route_msg_dump(&r->rtnl, RT_TABLE_UNSPEC, guards_handler, &g);
	for (size_t i = 0; i < g.count; i++)
		if (!others_hold(r, g.tables[i]))
			(void)change_route(r, RTM_DELROUTE, g.tables[i], NULL);
}

static void claim_tunnel(struct host_route *r, unsigned index)
{
	r->request.tunnel_index = index;
	if (index != 0)
		(void)route_holder_take(&r->tunnel, ROUTE_HOLDER_TUNNEL, r->request.server, index);
}

int host_route_begin(struct host_route *r, const struct host_route_request *request)
{
	*r = (struct host_route){.request = *request,
	    .table = RT_TABLE_MAIN,
	    .hold = ROUTE_HOLDER_NONE,
	    .tunnel = ROUTE_HOLDER_NONE,
	    .uplink = ROUTE_HOLDER_NONE,
	    .rtnl = {.fd = -1},
	    .events = {.fd = -1}};
	int rc = rtnl_open(&r->rtnl, NETLINK_ROUTE, 0);
	if (rc < 0)
		return rc;
	claim_tunnel(r, request->tunnel_index);
	/* Before the first look, so that nothing changes unnoticed between it and the next. */
	rc = rtnl_open(&r->events, NETLINK_ROUTE,
	    RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_RULE | RTMGRP_LINK);
	int error;
	r->state = refresh(r, &error);
	if (error == -EHOSTUNREACH) {
		remove_stale_guards(r);
		r->state = refresh(r, &error);
	}
	return error < 0 ? error : rc;
}

/* Whether a notification can mean another path to the server. */
static void events_handler(void *context, uint16_t type, struct rtnl_view body)
{
	struct host_route *r = context;
	struct route_msg m;
	if (type != RTM_NEWROUTE && type != RTM_DELROUTE)
		r->relevant = true; /* with links and addresses routes go unannounced */
	else if (route_msg_parse(body, &m) && covers(&m, r->request.server))
		r->relevant = true;
}

/* Whether the server is reached from an address other than ours, which has been removed. While the
 * tunnel is not known, only the device with which the call began is surely not the tunnel. */
static bool is_reached_from_elsewhere(struct host_route *r)
{
	static const struct in_addr any = {INADDR_ANY};
	struct route_path path;
	struct route_scan s;
	int found = look_up(r, any, &path);
	/* The kernel removes an address before the routes that need one: for a moment there is none, or
	 * one of another device, the tunnel's too, is taken. */
	bool other = found == 0 && path.source.s_addr != r->source.s_addr &&
	             device_of_address(r, path.source) == path.device_index;
	if (r->request.tunnel_index == 0)
		return other && path.device_index == r->home_index;
	if (found == 0 && !is_any_tunnel(r, path.device_index))
		return other;
	return scan_all(&s, r, &path, r->holding || found < 0 ? r->table : path.table) == 0 &&
	       s.best.found && s.best.type == RTN_UNICAST;
}

/* True where another program removes our route again and again: then it is left removed. */
static bool count_restore(struct host_route *r, int64_t now_us)
{
	if (r->restores == 0 || now_us - r->restores_since_us > RESTORE_SPAN_US) {
		r->restores_since_us = now_us;
		r->restores = 0;
	}
	return ++r->restores >= RESTORES_MAX;
}

/* Looks again and puts what has changed since into one event. */
static enum route_event update(struct host_route *r, int64_t now_us)
{
	struct host_route before = *r;
	int error;
	r->state = refresh(r, &error);
	if (!r->source_lost && !r->source_local && is_reached_from_elsewhere(r)) {
		r->source_lost = true;
		return ROUTE_EVENT_SOURCE_LOST;
	}
	if (r->state != ROUTE_STATE_GOOD && r->state == before.state)
		return ROUTE_EVENT_NONE;
	if (r->state == ROUTE_STATE_LOOP)
		return ROUTE_EVENT_LOOP;
	if (r->state == ROUTE_STATE_NONE)
		return ROUTE_EVENT_LOST;
	if (before.state != ROUTE_STATE_GOOD)
		return ROUTE_EVENT_BACK;
	if (r->present != before.present ||
	    (r->present &&
		(r->table != before.table || !route_hop_same_gateway(&r->hop, &before.hop))))
		return ROUTE_EVENT_MOVED;
	if (!r->removed || !r->present)
		return ROUTE_EVENT_NONE;
	if (!count_restore(r, now_us))
		return ROUTE_EVENT_RESTORED;
	r->request.manage = false;
	return ROUTE_EVENT_CONTESTED;
}

enum route_event host_route_on_events(struct host_route *r, int64_t now_us)
{
	r->relevant = false;
	if (rtnl_notifications(&r->events, events_handler, r) < 0)
		r->relevant = true; /* some are missing: look at everything */
	return r->relevant ? update(r, now_us) : ROUTE_EVENT_NONE;
}

enum route_event host_route_set_tunnel(struct host_route *r, unsigned index, int64_t now_us)
{
	claim_tunnel(r, index);
	return r->rtnl.fd >= 0 ? update(r, now_us) : ROUTE_EVENT_NONE;
}

void host_route_set_source(struct host_route *r, struct in_addr source)
{
	r->source = source;
	r->source_set = true;
	if (r->rtnl.fd >= 0)
		look_for_source(r);
	r->source_lost = !r->source_local; /* never one of this host's: not for us to judge */
}

void host_route_end(struct host_route *r)
{
	if (r->rtnl.fd >= 0)
		release_table(r);
	r->added = false;
	route_holder_release(&r->hold);
	route_holder_release(&r->tunnel);
	route_holder_release(&r->uplink);
	rtnl_close(&r->rtnl);
	rtnl_close(&r->events);
}
