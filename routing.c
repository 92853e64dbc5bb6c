/* SPDX-License-Identifier: ISC */
/*
 * Where the server's host route leads, and when it has to move. Policy; the netlink framing is
 * rtnl.c's.
 *
 * The kernel cannot be asked "how would you reach the server without this route?", and removing it
 * to ask would let packets take the other way meanwhile. So two answers are put together: a lookup
 * says which table the rules (source, mark) choose, and a dump of that table, which sees everything
 * the kernel does, gives the best of the routes that are neither ours nor the tunnel's. Where that
 * table has none, main and default follow, as with the standard rules. A route is changed by adding
 * the new one in front of the old and then removing the old: there is always one.
 *
 * The kernel drops our route without a word when its device goes down or loses its address. Where
 * the next best one then leads into the tunnel, an "unreachable" route of ours, the block, takes
 * its place until there is another way: packets fail at once instead of going round, which TCP and
 * the gateway live through.
 */
#include "routing.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "route_share.h"

enum {
	HOST = 32,         /* prefix length of a host route */
	OURS_MAX = 8,      /* routes of ours to one server in one table; more than one is rare */
	HOPS_MAX = 16,     /* of a multipath route */
	DUMP_TRIES = 5,    /* of a dump that is overtaken by changes */
	RESTORES_MAX = 10, /* how often, within ... */
	RESTORE_SPAN_US = 60 * USEC_PER_SEC, /* ... this time, what someone removes is put back */
	ON_LINK_PREFIX =
	    2, /* a shorter one (0/0, 0/1) is a default route, also without a gateway */
};

/* A route that a table has for the server. */
struct candidate {
	bool found;
	uint8_t prefix;
	uint8_t type;
	uint32_t metric;
	struct route_hop hop;
};

/* What a dump of one table is searched for, and what was found. */
struct survey {
	struct route_keeper *keeper;
	const struct route_hop *prefer; /* among the hops of a multipath route */
	uint32_t table;
	struct candidate best;   /* neither ours nor through the tunnel */
	struct candidate tunnel; /* the best one through the tunnel */
	struct route_hop ours[OURS_MAX];
	size_t ours_count;
	bool ours_live; /* the kernel uses one of them: its device has a carrier, or needs none */
	bool blocked;   /* the block is there */
};

/* A RTM_*ROUTE message taken apart. */
struct route_message {
	struct rtmsg fixed;
	struct in_addr destination;
	uint32_t table;
	uint32_t metric;
	struct route_hop hops[HOPS_MAX];
	size_t hop_count;
};

static bool same_hop(const struct route_hop *a, const struct route_hop *b)
{
	return a->gateway.s_addr == b->gateway.s_addr && a->device_index == b->device_index &&
	       a->has_gateway6 == b->has_gateway6 &&
	       memcmp(a->gateway6, b->gateway6, sizeof(a->gateway6)) == 0 &&
	       a->on_link_flag == b->on_link_flag && a->source.s_addr == b->source.s_addr &&
	       a->metrics_len == b->metrics_len &&
	       memcmp(a->metrics, b->metrics, a->metrics_len) == 0;
}

static bool contains(struct in_addr network, uint8_t prefix, struct in_addr host)
{
	if (prefix == 0)
		return true;
	uint32_t mask = prefix >= HOST ? UINT32_MAX : ~(UINT32_MAX >> prefix);
	return ((ntohl(network.s_addr) ^ ntohl(host.s_addr)) & mask) == 0;
}

static void take_address(const struct rtnl_attribute *a, struct in_addr *to)
{
	if (a->len >= sizeof(to->s_addr))
		memcpy(&to->s_addr, a->data, sizeof(to->s_addr));
}

/* RTA_VIA: the family in two octets, then the address. */
static void take_via(const struct rtnl_attribute *a, struct route_hop *hop)
{
	uint16_t family;
	if (a->len < sizeof(family))
		return;
	memcpy(&family, a->data, sizeof(family));
	const uint8_t *address = a->data + sizeof(family);
	size_t len = a->len - sizeof(family);
	if (family == AF_INET6 && len >= sizeof(hop->gateway6)) {
		memcpy(hop->gateway6, address, sizeof(hop->gateway6));
		hop->has_gateway6 = true;
	} else if (family == AF_INET && len >= sizeof(hop->gateway.s_addr)) {
		memcpy(&hop->gateway.s_addr, address, sizeof(hop->gateway.s_addr));
	}
}

static void take_multipath(struct route_message *m, const struct rtnl_attribute *a)
{
	struct rtnl_view all = {a->data, a->len};
	struct rtnexthop next;
	struct route_hop common = m->hops[0];
	m->hop_count = 0;
	while (m->hop_count < HOPS_MAX && all.len >= sizeof(next)) {
		memcpy(&next, all.octets, sizeof(next));
		if (next.rtnh_len < sizeof(next) || next.rtnh_len > all.len)
			break;
		struct rtnl_view attributes = {
		    all.octets + sizeof(next), next.rtnh_len - sizeof(next)};
		struct route_hop hop = common;
		struct rtnl_attribute part;
		hop.device_index = next.rtnh_ifindex;
		hop.on_link_flag = next.rtnh_flags & RTNH_F_ONLINK;
		while (rtnl_next(&attributes, &part)) {
			if (part.type == RTA_GATEWAY)
				take_address(&part, &hop.gateway);
			else if (part.type == RTA_VIA)
				take_via(&part, &hop);
		}
		if (!(next.rtnh_flags & RTNH_F_DEAD))
			m->hops[m->hop_count++] = hop;
		size_t step = ((size_t)next.rtnh_len + 3) & ~(size_t)3;
		if (step > all.len)
			step = all.len;
		all.octets += step;
		all.len -= step;
	}
}

/* False for what is no IPv4 route. */
static bool parse_route(struct rtnl_view body, struct route_message *m)
{
	*m = (struct route_message){.hop_count = 1};
	if (!rtnl_fixed(&body, &m->fixed, sizeof(m->fixed)) || m->fixed.rtm_family != AF_INET)
		return false;
	struct route_hop *hop = &m->hops[0];
	struct rtnl_attribute a, multipath = {0};
	m->table = m->fixed.rtm_table;
	hop->on_link_flag = m->fixed.rtm_flags & RTNH_F_ONLINK;
	while (rtnl_next(&body, &a)) {
		if (a.type == RTA_DST)
			take_address(&a, &m->destination);
		else if (a.type == RTA_TABLE)
			m->table = rtnl_u32(&a);
		else if (a.type == RTA_PRIORITY)
			m->metric = rtnl_u32(&a);
		else if (a.type == RTA_OIF)
			hop->device_index = (int)rtnl_u32(&a);
		else if (a.type == RTA_GATEWAY)
			take_address(&a, &hop->gateway);
		else if (a.type == RTA_VIA)
			take_via(&a, hop);
		else if (a.type == RTA_PREFSRC)
			take_address(&a, &hop->source);
		else if (a.type == RTA_MULTIPATH)
			multipath = a;
		else if (a.type == RTA_METRICS && a.len <= sizeof(hop->metrics)) {
			memcpy(hop->metrics, a.data, a.len);
			hop->metrics_len = a.len;
		}
	}
	if (multipath.data)
		take_multipath(m, &multipath);
	return true;
}

/* Name and kind of a device; false where it is gone. Any socket serves for these ioctls. */
static bool device_facts(int fd, int index, char name[ROUTE_DEVICE_MAX], bool *point_to_point)
{
	struct ifreq request = {.ifr_ifindex = index};
	_Static_assert(IFNAMSIZ == ROUTE_DEVICE_MAX, "a device's name with its NUL");
	if (ioctl(fd, SIOCGIFNAME, &request) < 0)
		return false;
	memcpy(name, request.ifr_name, ROUTE_DEVICE_MAX);
	name[ROUTE_DEVICE_MAX - 1] = '\0';
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return false;
	*point_to_point = (request.ifr_flags & IFF_POINTOPOINT) != 0;
	return true;
}

static void look_up_handler(void *context, uint16_t type, struct rtnl_view body)
{
	if (type == RTM_NEWROUTE)
		(void)parse_route(body, context);
}

static int look_up(struct rtnl *r, struct in_addr server, struct in_addr local, uint32_t mark,
    struct route_path *path)
{
	struct rtmsg fixed = {
	    .rtm_family = AF_INET, .rtm_dst_len = HOST, .rtm_flags = RTM_F_LOOKUP_TABLE};
	bool from = local.s_addr != htonl(INADDR_ANY);
	fixed.rtm_src_len = from ? HOST : 0;
	struct rtnl_request q;
	rtnl_start(&q, RTM_GETROUTE, 0, &fixed, sizeof(fixed));
	rtnl_put(&q, RTA_DST, &server.s_addr, sizeof(server.s_addr));
	if (from)
		rtnl_put(&q, RTA_SRC, &local.s_addr, sizeof(local.s_addr));
	if (mark)
		rtnl_put(&q, RTA_MARK, &mark, sizeof(mark));
	struct route_message answer = {0};
	*path = (struct route_path){.table = RT_TABLE_MAIN};
	int rc = rtnl_talk(r, &q, look_up_handler, &answer);
	if (rc == -EINVAL && from)
		return -ENETUNREACH; /* how older kernels say that the source is not one of ours */
	if (rc < 0)
		return rc;
	const struct route_hop *hop = &answer.hops[0];
	path->gateway = hop->gateway;
	path->source = hop->source;
	path->device_index = hop->device_index;
	path->local = answer.fixed.rtm_type == RTN_LOCAL;
	path->table = answer.table;
	if (answer.fixed.rtm_type != RTN_LOCAL && answer.fixed.rtm_type != RTN_UNICAST)
		return -ENETUNREACH;
	(void)device_facts(r->fd, path->device_index, path->device, &path->point_to_point);
	return 0;
}

int route_lookup(
    struct in_addr server, struct in_addr local, uint32_t mark, struct route_path *path)
{
	struct rtnl r;
	int rc = rtnl_open(&r, 0);
	if (rc < 0)
		return rc;
	rc = look_up(&r, server, local, mark, path);
	rtnl_close(&r);
	return rc;
}

static bool is_tunnel(const struct route_keeper *k, int device_index)
{
	char name[ROUTE_DEVICE_MAX];
	bool point_to_point;
	if (!k->begun || device_index == k->path.device_index)
		return false;
	if (!device_facts(k->rtnl.fd, device_index, name, &point_to_point) || !point_to_point)
		return false;
	/* The tunnel was made beside the uplink; an uplink made anew mostly has its old name. */
	return strcmp(name, k->path.device) != 0;
}

static const struct route_hop *choose_hop(
    const struct route_message *m, const struct route_hop *prefer)
{
	for (size_t i = 0; i < m->hop_count; i++)
		if (m->hops[i].device_index == prefer->device_index &&
		    m->hops[i].gateway.s_addr == prefer->gateway.s_addr)
			return &m->hops[i];
	return &m->hops[0];
}

static bool beats(const struct candidate *a, const struct candidate *b)
{
	if (!b->found || !a->found)
		return a->found;
	if (a->prefix != b->prefix)
		return a->prefix > b->prefix;
	return a->metric < b->metric; /* as equals, the one that comes first in the table */
}

static void survey_handler(void *context, uint16_t type, struct rtnl_view body)
{
	struct survey *s = context;
	struct route_message m;
	if (type != RTM_NEWROUTE || !parse_route(body, &m) || m.table != s->table ||
	    m.fixed.rtm_tos != 0 || m.hop_count == 0 ||
	    !contains(m.destination, m.fixed.rtm_dst_len, s->keeper->server))
		return;
	const struct route_hop *hop = choose_hop(&m, s->prefer);
	if (m.fixed.rtm_dst_len == HOST && m.fixed.rtm_protocol == ROUTE_PROTOCOL) {
		if (m.fixed.rtm_type == RTN_UNREACHABLE)
			s->blocked = true;
		else if (s->ours_count < OURS_MAX)
			s->ours[s->ours_count++] = *hop;
		if (m.fixed.rtm_type == RTN_UNICAST && !(m.fixed.rtm_flags & RTNH_F_DEAD))
			s->ours_live = true;
		return;
	}
	if (m.fixed.rtm_flags & RTNH_F_DEAD)
		return; /* without a carrier, where the system is set to leave such routes out */
	struct candidate c = {.found = true,
	    .prefix = m.fixed.rtm_dst_len,
	    .type = m.fixed.rtm_type,
	    .metric = m.metric,
	    .hop = *hop};
	struct candidate *rival = is_tunnel(s->keeper, hop->device_index) ? &s->tunnel : &s->best;
	if (beats(&c, rival))
		*rival = c;
}

/* Dumps one table into `s`. A table that does not exist is an empty one. */
static int survey_table(struct survey *s, uint32_t table)
{
	struct rtmsg fixed = {.rtm_family = AF_INET,
	    .rtm_table = table < 256 ? (unsigned char)table : (unsigned char)RT_TABLE_UNSPEC};
	int rc = -EAGAIN;
	for (int i = 0; i < DUMP_TRIES && rc == -EAGAIN; i++) {
		struct rtnl_request q;
		rtnl_start(&q, RTM_GETROUTE, NLM_F_DUMP, &fixed, sizeof(fixed));
		rtnl_put(&q, RTA_TABLE, &table, sizeof(table));
		s->table = table;
		s->best = s->tunnel = (struct candidate){0};
		s->ours_count = 0;
		s->ours_live = s->blocked = false;
		rc = rtnl_talk(&s->keeper->rtnl, &q, survey_handler, s);
	}
	return rc == -ENOENT ? 0 : rc;
}

/*
 * The routes of `table` for the server; where it has none but ours, the best of main and default
 * stands in. Routes of ours are those of `table` in any case.
 */
static int make_survey(struct survey *s, uint32_t table)
{
	static const uint32_t after[] = {RT_TABLE_MAIN, RT_TABLE_DEFAULT};
	int rc = survey_table(s, table);
	for (size_t i = 0; i < 2 && rc == 0; i++) {
		if (table == after[i] || (s->best.found && s->best.type != RTN_THROW))
			continue;
		struct survey other = {.keeper = s->keeper, .prefer = s->prefer};
		rc = survey_table(&other, after[i]);
		if (rc == 0)
			s->best = other.best;
		if (rc == 0 && !s->tunnel.found)
			s->tunnel = other.tunnel;
	}
	s->table = table;
	return rc;
}

/* The part of a request that all routes of ours to the server have in common. */
static void start_change(struct rtnl_request *q, const struct route_keeper *k, uint16_t type,
    uint32_t table, struct rtmsg *fixed)
{
	fixed->rtm_family = AF_INET;
	fixed->rtm_dst_len = HOST;
	fixed->rtm_table = table < 256 ? (unsigned char)table : (unsigned char)RT_TABLE_UNSPEC;
	fixed->rtm_protocol = ROUTE_PROTOCOL;
	rtnl_start(q, type, type == RTM_NEWROUTE ? NLM_F_CREATE : 0, fixed, sizeof(*fixed));
	rtnl_put(q, RTA_DST, &k->server.s_addr, sizeof(k->server.s_addr));
	rtnl_put(q, RTA_TABLE, &table, sizeof(table));
}

/* Adds our host route over `hop` to `table`, in front of others like it, or deletes it. */
static int change_route(
    struct route_keeper *k, uint16_t type, uint32_t table, const struct route_hop *hop)
{
	bool direct = hop->gateway.s_addr == htonl(INADDR_ANY) && !hop->has_gateway6;
	struct rtmsg fixed = {.rtm_scope = direct ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
	    .rtm_type = RTN_UNICAST,
	    .rtm_flags = hop->on_link_flag ? RTNH_F_ONLINK : 0};
	struct rtnl_request q;
	uint32_t device = (uint32_t)hop->device_index;
	start_change(&q, k, type, table, &fixed);
	rtnl_put(&q, RTA_OIF, &device, sizeof(device));
	if (hop->has_gateway6) {
		struct {
			uint16_t family;
			uint8_t address[sizeof(hop->gateway6)];
		} via = {.family = AF_INET6};
		memcpy(via.address, hop->gateway6, sizeof(via.address));
		rtnl_put(&q, RTA_VIA, &via, sizeof(via));
	} else if (!direct) {
		rtnl_put(&q, RTA_GATEWAY, &hop->gateway.s_addr, sizeof(hop->gateway.s_addr));
	}
	if (hop->source.s_addr != htonl(INADDR_ANY))
		rtnl_put(&q, RTA_PREFSRC, &hop->source.s_addr, sizeof(hop->source.s_addr));
	if (hop->metrics_len)
		rtnl_put(&q, RTA_METRICS, hop->metrics, hop->metrics_len);
	int rc = rtnl_talk(&k->rtnl, &q, NULL, NULL);
	return rc == -ESRCH ? 0 : rc;
}

/* Adds the block to `table`, in front of other host routes, or deletes it. */
static int change_block(struct route_keeper *k, uint16_t type, uint32_t table)
{
	struct rtmsg fixed = {.rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNREACHABLE};
	struct rtnl_request q;
	start_change(&q, k, type, table, &fixed);
	int rc = rtnl_talk(&k->rtnl, &q, NULL, NULL);
	return rc == -ESRCH ? 0 : rc;
}

static void drop_share(struct route_keeper *k)
{
	if (k->share_fd >= 0)
		close(k->share_fd);
	k->share_fd = -1;
}

/* Gives our share up, then looks whether another call has one. In this order, so that of two that
 * end at once at least one sees itself to be the last. */
static bool was_last_share(struct route_keeper *k, uint32_t table)
{
	drop_share(k);
	return !route_share_lives(k->folder, k->server, table);
}

/* Removes whatever of ours there is for the server in the keeper's table. Whether there was any. */
static bool remove_ours(struct route_keeper *k)
{
	/* Another call may have changed it since we last heard of it. */
	struct survey s = {.keeper = k, .prefer = &k->hop};
	if (survey_table(&s, k->table) < 0) {
		s.ours[0] = k->hop;
		s.ours_count = k->added ? 1 : 0;
		s.blocked = k->blocked;
	}
	for (size_t i = 0; i < s.ours_count; i++)
		(void)change_route(k, RTM_DELROUTE, k->table, &s.ours[i]);
	if (s.blocked)
		(void)change_block(k, RTM_DELROUTE, k->table);
	return s.ours_count > 0 || s.blocked;
}

/* Nothing of ours is needed, or needed there, any more. */
static void release_route(struct route_keeper *k)
{
	if (!k->added && !k->blocked && k->share_fd < 0)
		return;
	if (was_last_share(k, k->table) && (k->added || k->blocked))
		(void)remove_ours(k);
	k->added = k->blocked = false;
}

static void take_share(struct route_keeper *k)
{
	drop_share(k);
	k->share_fd = route_share_take(k->folder, k->server, k->table);
}

/* Before anything of ours is added to `table`. */
static void share_table(struct route_keeper *k, uint32_t table)
{
	if (k->table == table && k->share_fd >= 0)
		return;
	if (k->table != table)
		release_route(k);
	k->table = table;
	take_share(k);
}

/* Who could not add anything holds no share, or nobody would remove the route when others end. */
static void unshare_if_unused(struct route_keeper *k)
{
	if (!k->added && !k->blocked)
		drop_share(k);
}

/* Makes `hop` the only real route of ours in the table surveyed. 0 or a negative errno. */
static int put_route(struct route_keeper *k, const struct survey *s, const struct route_hop *hop)
{
	bool there = false;
	for (size_t i = 0; i < s->ours_count; i++)
		there = there || same_hop(&s->ours[i], hop);
	share_table(k, s->table);
	int rc = there ? 0 : change_route(k, RTM_NEWROUTE, s->table, hop);
	if (rc < 0 && rc != -EEXIST) {
		unshare_if_unused(k);
		return rc;
	}
	k->added = true;
	k->hop = *hop;
	if (rc == -EEXIST)
		return 0; /* to the kernel, one of ours is this very one: then none of them is to go */
	for (size_t i = 0; i < s->ours_count; i++)
		if (!same_hop(&s->ours[i], hop))
			(void)change_route(k, RTM_DELROUTE, s->table, &s->ours[i]);
	return 0;
}

static int put_block(struct route_keeper *k, uint32_t table)
{
	share_table(k, table);
	int rc = change_block(k, RTM_NEWROUTE, table);
	if (rc == -EEXIST) { /* but not in front: the tunnel has brought a host route since */
		(void)change_block(k, RTM_DELROUTE, table);
		rc = change_block(k, RTM_NEWROUTE, table);
	}
	k->blocked = rc == 0 || rc == -EEXIST;
	unshare_if_unused(k);
	return rc == -EEXIST ? 0 : rc;
}

/* Whoever finds a way removes the block, also another call's, which sees the same way. */
static void remove_block(struct route_keeper *k, uint32_t table)
{
	if (change_block(k, RTM_DELROUTE, table) == 0)
		k->blocked = false;
}

static bool serves_without_us(const struct candidate *c)
{
	bool direct = c->hop.gateway.s_addr == htonl(INADDR_ANY) && !c->hop.has_gateway6;
	return c->prefix == HOST || (direct && c->prefix >= ON_LINK_PREFIX);
}

/*
 * No way but ours and the tunnel's is left: ours stays. Where it went with its device, that may be
 * back, under another number even, and only the default route still be missing.
 */
static int keep_going(struct route_keeper *k, const struct survey *s)
{
	if (s->ours_count > 0) {
		int rc = put_route(k, s, &s->ours[0]);
		if (rc == 0 && s->blocked && s->ours_live)
			remove_block(k, s->table);
		return rc;
	}
	if (!k->added)
		return -ENETUNREACH;
	struct route_hop hop = k->hop;
	unsigned index = if_nametoindex(k->path.device);
	if (index > 0)
		hop.device_index = (int)index;
	return put_route(k, s, &hop);
}

/* Sees to the best way that `table` and those after it leave us. 0 or a negative errno. */
static int manage_route(struct route_keeper *k, const struct route_path *actual, uint32_t table)
{
	struct route_hop now = {.gateway = actual->gateway, .device_index = actual->device_index};
	/* Of several hops the one in use, which is our route's: all calls to the server see the same,
	 * and none undoes what another has chosen. */
	struct survey s = {.keeper = k, .prefer = &now};
	int rc = make_survey(&s, table);
	if (rc < 0)
		return rc;
	k->missing = k->added && s.ours_count == 0;
	/* Whose tunnel the default route is may not be known yet; the call that stands knows. */
	if (!k->begun && s.ours_live && route_share_lives(k->folder, k->server, s.table))
		return put_route(k, &s, &s.ours[0]);
	if (!s.best.found || s.best.type != RTN_UNICAST)
		return keep_going(k, &s);
	/* A tunnel whose other end has the server's own address brings a host route to there, too. */
	bool safe = !s.tunnel.found || beats(&s.best, &s.tunnel);
	if (!safe || !serves_without_us(&s.best)) {
		rc = put_route(k, &s, &s.best.hop);
		if (rc == 0 && s.blocked && (s.ours_live || s.ours_count == 0))
			remove_block(k, s.table);
		return rc;
	}
	if (!k->added && s.ours_count > 0) {
		k->added = true; /* a stale one: ours to remove */
		k->table = s.table;
		k->hop = s.ours[0];
	}
	release_route(k);
	if (s.blocked)
		remove_block(k, s.table);
	return 0;
}

/*
 * Makes the kernel's answer, which is in *actual and *found (0 or a negative errno) before and
 * after, a way outside the tunnel, or none at all. 0 or the reason why nothing could be added.
 */
static int settle(struct route_keeper *k, struct route_path *actual, int *found)
{
	bool looped = *found == 0 && is_tunnel(k, actual->device_index);
	uint32_t table = *found == 0 ? actual->table : k->path.table;
	if ((*found < 0 || looped) && k->share_fd >= 0)
		table = k->table; /* chosen by the rules as long as it had a way */
	int rc = 0;
	looped = true;
	for (int i = 0; i < 2 && looped; i++) { /* once more if things changed under our hands */
		rc = manage_route(k, actual, table);
		*found = look_up(&k->rtnl, k->server, k->local, k->mark, actual);
		looped = *found == 0 && is_tunnel(k, actual->device_index);
	}
	/* Nothing is worth waiting for where there was no way to begin with. */
	int tries = k->begun ? 2 : 0;
	for (int i = 0; i < tries && *found == 0 && is_tunnel(k, actual->device_index); i++) {
		int blocked = put_block(k, i == 0 ? table : actual->table);
		rc = rc < 0 ? rc : blocked;
		*found = look_up(&k->rtnl, k->server, k->local, k->mark, actual);
	}
	if (k->blocked && *found == 0 && !is_tunnel(k, actual->device_index))
		remove_block(k, k->table);
	return rc;
}

/* Whoever removes our route again and again has the last word. */
static void count_restore(struct route_keeper *k, int64_t now_us)
{
	if (k->restores == 0 || now_us - k->restores_since_us > RESTORE_SPAN_US) {
		k->restores_since_us = now_us;
		k->restores = 0;
	}
	if (++k->restores >= RESTORES_MAX)
		k->manage = false;
}

/* How things stand, with the reason why nothing could be added in *error. */
static enum route_state look_again(struct route_keeper *k, int *error)
{
	struct route_path actual;
	int found = look_up(&k->rtnl, k->server, k->local, k->mark, &actual);
	*error = 0;
	k->missing = false;
	if (k->manage && (found < 0 ? k->begun : !actual.local))
		*error = settle(k, &actual, &found);
	if (found < 0) {
		*error = found;
		return ROUTE_STATE_NONE;
	}
	if (is_tunnel(k, actual.device_index))
		return ROUTE_STATE_LOOP;
	k->path = actual;
	return ROUTE_STATE_GOOD;
}

/* Tables in which a block for the server stands. */
struct blocks {
	struct in_addr server;
	uint32_t tables[OURS_MAX];
	size_t count;
};

static void blocks_handler(void *context, uint16_t type, struct rtnl_view body)
{
	struct blocks *b = context;
	struct route_message m;
	if (type == RTM_NEWROUTE && parse_route(body, &m) && m.fixed.rtm_dst_len == HOST &&
	    m.fixed.rtm_protocol == ROUTE_PROTOCOL && m.fixed.rtm_type == RTN_UNREACHABLE &&
	    m.destination.s_addr == b->server.s_addr && b->count < OURS_MAX)
		b->tables[b->count++] = m.table;
}

/* Removes what a killed process has left to block the server, in whatever table: a look-up that ends
 * there does not say where. */
static void remove_stale_blocks(struct route_keeper *k)
{
	struct blocks b = {.server = k->server};
	struct rtmsg fixed = {.rtm_family = AF_INET};
	struct rtnl_request q;
	rtnl_start(&q, RTM_GETROUTE, NLM_F_DUMP, &fixed, sizeof(fixed));
	(void)rtnl_talk(&k->rtnl, &q, blocks_handler, &b);
	for (size_t i = 0; i < b.count; i++)
		if (was_last_share(k, b.tables[i]))
			(void)change_block(k, RTM_DELROUTE, b.tables[i]);
}

int route_begin(struct route_keeper *k, const struct route_request *wanted)
{
	*k = (struct route_keeper){.server = wanted->server,
	    .local = wanted->local,
	    .mark = wanted->mark,
	    .manage = wanted->manage,
	    .folder = wanted->folder,
	    .share_fd = -1,
	    .rtnl = {.fd = -1},
	    .events = {.fd = -1},
	    .events_fd = -1};
	int rc = rtnl_open(&k->rtnl, 0);
	if (rc < 0)
		return rc;
	/* Before the first look, so that nothing changes unnoticed between it and the next. */
	rc = rtnl_open(
	    &k->events, RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_RULE | RTMGRP_LINK);
	if (rc == 0) {
		k->watching = true;
		k->events_fd = k->events.fd;
	}
	int error;
	k->state = look_again(k, &error);
	if (error == -EHOSTUNREACH) {
		remove_stale_blocks(k);
		k->state = look_again(k, &error);
	}
	k->begun = true;
	return error < 0 ? error : rc;
}

/* Whether a notification can mean another way to the server. */
static void events_handler(void *context, uint16_t type, struct rtnl_view body)
{
	struct route_keeper *k = context;
	struct route_message m;
	if (type != RTM_NEWROUTE && type != RTM_DELROUTE) {
		k->relevant =
		    true; /* routes go with links and addresses without a word of their own */
		return;
	}
	if (parse_route(body, &m) && contains(m.destination, m.fixed.rtm_dst_len, k->server))
		k->relevant = true;
}

/* What has become of things since they stood as in `before`, as one word. */
static enum route_change tell_change(
    struct route_keeper *k, const struct route_keeper *before, int64_t now_us)
{
	bool was_good = before->state == ROUTE_STATE_GOOD;
	if (k->state != ROUTE_STATE_GOOD && k->state == before->state)
		return ROUTE_UNCHANGED;
	if (k->state == ROUTE_STATE_LOOP)
		return ROUTE_LOOP;
	if (k->state == ROUTE_STATE_NONE)
		return ROUTE_LOST;
	if (!was_good)
		return ROUTE_BACK;
	bool same = k->added == before->added &&
	            (!k->added || (k->table == before->table && same_hop(&k->hop, &before->hop)));
	if (!same)
		return ROUTE_MOVED;
	if (!k->missing)
		return ROUTE_UNCHANGED;
	count_restore(k, now_us);
	return k->manage ? ROUTE_RESTORED : ROUTE_CONTESTED;
}

enum route_change route_on_events(struct route_keeper *k, int64_t now_us)
{
	k->relevant = false;
	if (rtnl_notifications(&k->events, events_handler, k) < 0)
		k->relevant = true; /* some are missing: look at everything */
	if (!k->relevant)
		return ROUTE_UNCHANGED;
	int error;
	struct route_keeper before = *k;
	k->state = look_again(k, &error);
	return tell_change(k, &before, now_us);
}

void route_share_again(struct route_keeper *k)
{
	if (k->share_fd >= 0)
		take_share(k);
}

void route_end(struct route_keeper *k)
{
	if (k->rtnl.fd >= 0)
		release_route(k);
	drop_share(k);
	rtnl_close(&k->rtnl);
	rtnl_close(&k->events);
	k->events_fd = -1;
	k->watching = false;
}

int route_clear_up(const struct route_keeper *dead)
{
	struct route_keeper k = *dead;
	k.share_fd = -1;
	/* share_table() names the table before anything is added to it. */
	if (k.table == RT_TABLE_UNSPEC || route_share_lives(k.folder, k.server, k.table))
		return 0;
	int rc = rtnl_open(&k.rtnl, 0);
	if (rc < 0)
		return rc;
	rc = remove_ours(&k) ? 1 : 0;
	rtnl_close(&k.rtnl);
	return rc;
}
