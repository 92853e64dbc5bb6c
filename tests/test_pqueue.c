/* SPDX-License-Identifier: ISC */
/* The reorder queue: order, duplicates, bounds, wrap-around, when a gap became known. */
#include "unit.h"

#include <string.h>

#include "pqueue.h"
#include "cases.h"

enum {
	CAPACITY = 64,
	SLOT = 32
};

static struct pqueue queue;
static struct pqueue_entry entries[CAPACITY];
static uint8_t slots[CAPACITY * SLOT];

static void init_queue(size_t capacity)
{
	memset(entries, 0xa5, sizeof(entries)); /* the queue may not rely on zeroed memory */
	memset(slots, 0xa5, sizeof(slots));
	pqueue_init(&queue, entries, slots, capacity, SLOT);
}

static void set_up(void)
{
	init_queue(CAPACITY);
}

/* A payload that identifies its packet: length and bytes depend on the sequence number. */
static size_t payload_of(seq32 seq, uint8_t *out)
{
	size_t len = 1 + seq % SLOT;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(seq + i * 7);
	return len;
}

static enum pqueue_result add_at(seq32 seq, int64_t now_us)
{
	uint8_t payload[SLOT];
	size_t len = payload_of(seq, payload);
	return pqueue_add(&queue, seq, payload, len, now_us, NULL);
}

static enum pqueue_result add(seq32 seq)
{
	return add_at(seq, 0);
}

static void expect_pop(seq32 seq)
{
	uint8_t payload[SLOT];
	size_t len = payload_of(seq, payload);
	const struct pqueue_entry *head = pqueue_head(&queue);
	ck_assert_ptr_nonnull(head);
	ck_assert_uint_eq(head->seq, seq);
	ck_assert_uint_eq(head->len, len);
	ck_assert_mem_eq(head->payload, payload, len);
	pqueue_pop(&queue);
}

static void expect_empty(void)
{
	ck_assert_ptr_null(pqueue_head(&queue));
	ck_assert_uint_eq(queue.count, 0);
}

static void check_links(void)
{
	size_t count = 0;
	const struct pqueue_entry *before = NULL;
	for (const struct pqueue_entry *e = queue.head; e; before = e, e = e->next) {
		ck_assert_ptr_eq(e->prev, before);
		if (before) {
			ck_assert(seq32_before(before->seq, e->seq));
			ck_assert_int_le(before->known_since_us, e->known_since_us);
		}
		count++;
	}
	ck_assert_ptr_eq(queue.tail, before);
	ck_assert_uint_eq(queue.count, count);
}

START_TEST(pqueue_is_empty_at_first)
{
	expect_empty();
	pqueue_pop(&queue);
	expect_empty();
}
END_TEST

START_TEST(pqueue_returns_in_order_what_was_added_in_order)
{
	for (seq32 seq = 10; seq < 40; seq++)
		ck_assert_int_eq(add(seq), PQUEUE_ADDED);
	check_links();
	for (seq32 seq = 10; seq < 40; seq++)
		expect_pop(seq);
	expect_empty();
}
END_TEST

START_TEST(pqueue_returns_in_order_what_was_added_backwards)
{
	for (seq32 seq = 40; seq-- > 10;)
		ck_assert_int_eq(add(seq), PQUEUE_ADDED);
	check_links();
	for (seq32 seq = 10; seq < 40; seq++)
		expect_pop(seq);
	expect_empty();
}
END_TEST

static void check_permutations(seq32 first, unsigned n)
{
	struct permutations p = {.n = n};
	for (unsigned i = 0; i < n; i++)
		p.order[i] = first + 3 * i; /* with gaps, which must not matter */
	do {
		for (unsigned k = 0; k < n; k++)
			ck_assert_int_eq(add(p.order[k]), PQUEUE_ADDED);
		check_links();
		for (unsigned k = 0; k < n; k++)
			expect_pop(first + 3 * k);
		expect_empty();
	} while (next_permutation(&p));
}

START_TEST(pqueue_orders_every_permutation_of_six)
{
	check_permutations(100, 6);
}
END_TEST

START_TEST(pqueue_orders_every_permutation_across_the_wrap)
{
	for (uint32_t before = 0; before < 18; before++)
		check_permutations(UINT32_MAX - before, 6);
}
END_TEST

START_TEST(pqueue_orders_every_permutation_across_the_sign_bit)
{
	check_permutations(UINT32_C(0x7fffffff) - 7, 6);
}
END_TEST

/* The old client compared with a plain > and queued these as 1 fffffffe ffffffff. */
START_TEST(pqueue_keeps_order_across_wrap)
{
	add(0xfffffffe);
	add(1);
	add(0xffffffff);
	check_links();
	expect_pop(0xfffffffe);
	expect_pop(0xffffffff);
	expect_pop(1);
	expect_empty();
}
END_TEST

START_TEST(pqueue_orders_numbers_that_are_nearly_2_31_apart)
{
	add(5);
	add(5 + UINT32_C(0x7fffffff));
	add(6);
	expect_pop(5);
	expect_pop(6);
	expect_pop(5 + UINT32_C(0x7fffffff));
}
END_TEST

/* The old client lost two packets to one duplicate: 10 11 12 and a second 11 left 10 11. */
START_TEST(pqueue_refuses_a_duplicate_and_keeps_all_entries)
{
	add(10);
	add(11);
	add(12);
	for (seq32 seq = 10; seq <= 12; seq++) {
		uint8_t other[1] = {0};
		ck_assert_int_eq(pqueue_add(&queue, seq, other, 1, 5, NULL), PQUEUE_DUPLICATE);
	}
	check_links();
	ck_assert_int_eq(add(20), PQUEUE_ADDED);
	expect_pop(10);
	expect_pop(11);
	expect_pop(12);
	expect_pop(20);
	expect_empty();
}
END_TEST

START_TEST(pqueue_refuses_a_duplicate_of_any_entry_on_either_side_of_a_gap)
{
	static const seq32 held[] = {0xfffffff0, 0xfffffff1, 0xffffffff, 0, 7, 8, 100};
	const size_t n = sizeof(held) / sizeof(held[0]);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(add(held[i]), PQUEUE_ADDED);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(add(held[i]), PQUEUE_DUPLICATE);
	check_links();
	for (size_t i = 0; i < n; i++)
		expect_pop(held[i]);
	expect_empty();
}
END_TEST

START_TEST(pqueue_pops_the_tail_and_keeps_the_rest)
{
	pqueue_pop_tail(&queue);
	ck_assert_ptr_null(pqueue_head(&queue));
	for (seq32 seq = 0; seq < 4; seq++)
		add(seq);
	pqueue_pop_tail(&queue);
	pqueue_pop_tail(&queue);
	ck_assert_uint_eq(queue.count, 2);
	ck_assert_uint_eq(queue.tail->seq, 1);
	ck_assert_int_eq(add(2), PQUEUE_ADDED);
	for (seq32 seq = 0; seq < 3; seq++)
		expect_pop(seq);
	add(7);
	pqueue_pop_tail(&queue);
	ck_assert_ptr_null(pqueue_head(&queue));
	add(8);
	expect_pop(8);
}
END_TEST

START_TEST(pqueue_is_full_at_its_capacity_and_adds_again_after_a_pop)
{
	init_queue(5);
	for (seq32 seq = 1; seq <= 5; seq++) {
		ck_assert(!pqueue_is_full(&queue));
		ck_assert_int_eq(add(seq * 2), PQUEUE_ADDED);
	}
	ck_assert(pqueue_is_full(&queue));
	ck_assert_int_eq(add(1), PQUEUE_FULL);
	ck_assert_int_eq(add(5), PQUEUE_FULL);
	ck_assert_int_eq(add(99), PQUEUE_FULL);
	ck_assert_int_eq(add(6), PQUEUE_DUPLICATE);
	check_links();
	expect_pop(2);
	ck_assert_int_eq(add(5), PQUEUE_ADDED);
	expect_pop(4);
	expect_pop(5);
	expect_pop(6);
	expect_pop(8);
	expect_pop(10);
	expect_empty();
}
END_TEST

START_TEST(pqueue_of_capacity_0_refuses_everything)
{
	init_queue(0);
	ck_assert(pqueue_is_full(&queue));
	ck_assert_int_eq(add(1), PQUEUE_FULL);
	expect_empty();
}
END_TEST

START_TEST(pqueue_refuses_a_payload_longer_than_a_slot)
{
	uint8_t payload[SLOT + 1] = {1, 2, 3};
	ck_assert_int_eq(pqueue_add(&queue, 1, payload, SLOT + 1, 0, NULL), PQUEUE_TOO_LONG);
	expect_empty();
	ck_assert_int_eq(pqueue_add(&queue, 1, payload, SLOT, 0, NULL), PQUEUE_ADDED);
	ck_assert_int_eq(pqueue_add(&queue, 2, NULL, 0, 0, NULL), PQUEUE_ADDED);
	ck_assert_uint_eq(queue.count, 2);
	pqueue_pop(&queue);
	ck_assert_uint_eq(pqueue_head(&queue)->len, 0);
}
END_TEST

START_TEST(pqueue_copies_the_payload)
{
	uint8_t payload[4] = {1, 2, 3, 4};
	const struct pqueue_entry *added = NULL;
	pqueue_add(&queue, 1, payload, 4, 0, &added);
	ck_assert_ptr_eq(added, pqueue_head(&queue));
	memset(payload, 0, sizeof(payload));
	ck_assert_mem_eq(pqueue_head(&queue)->payload, "\1\2\3\4", 4);
}
END_TEST

START_TEST(pqueue_reuses_a_freed_entry_before_a_fresh_one)
{
	for (seq32 seq = 0; seq < 1000; seq++) {
		add(seq);
		pqueue_pop(&queue);
	}
	ck_assert_uint_eq(queue.fresh, 1);
}
END_TEST

START_TEST(pqueue_never_assigns_a_slot_to_two_entries)
{
	for (seq32 seq = 0; seq < CAPACITY; seq++)
		add(seq);
	for (size_t i = 0; i < CAPACITY; i++)
		for (size_t k = i + 1; k < CAPACITY; k++)
			ck_assert_ptr_ne(entries[i].payload, entries[k].payload);
	for (seq32 seq = 0; seq < CAPACITY; seq++)
		expect_pop(seq);
}
END_TEST

START_TEST(pqueue_knows_a_gap_since_the_first_arrival_behind_it)
{
	add_at(20, 100); /* makes every gap before 20 known */
	add_at(30, 200); /* ... and before 30 */
	add_at(25, 300);
	add_at(10, 400);
	add_at(40, 500);
	static const struct {
		seq32 seq;
		int64_t since_us;
	} heads[] = {{10, 100}, {20, 100}, {25, 200}, {30, 200}, {40, 500}};
	for (size_t i = 0; i < 5; i++) {
		ck_assert_uint_eq(pqueue_head(&queue)->seq, heads[i].seq);
		ck_assert_int_eq(pqueue_head(&queue)->known_since_us, heads[i].since_us);
		pqueue_pop(&queue);
	}
}
END_TEST

/* The model: an array without order, searched from end to end. */
struct model {
	struct {
		seq32 seq;
		int64_t at_us;
	} held[CAPACITY];
	size_t count;
};

static bool model_holds(const struct model *m, seq32 seq)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->held[i].seq == seq)
			return true;
	return false;
}

static size_t model_lowest(const struct model *m)
{
	size_t lowest = 0;
	for (size_t i = 1; i < m->count; i++)
		if (seq32_before(m->held[i].seq, m->held[lowest].seq))
			lowest = i;
	return lowest;
}

static int64_t model_known_since(const struct model *m, seq32 seq)
{
	int64_t since_us = INT64_MAX;
	for (size_t i = 0; i < m->count; i++)
		if (!seq32_before(m->held[i].seq, seq) && m->held[i].at_us < since_us)
			since_us = m->held[i].at_us;
	return since_us;
}

static void model_step_add(struct model *m, size_t capacity, seq32 seq, int64_t now_us)
{
	enum pqueue_result want = PQUEUE_ADDED;
	if (model_holds(m, seq))
		want = PQUEUE_DUPLICATE;
	else if (m->count == capacity)
		want = PQUEUE_FULL;
	ck_assert_int_eq(add_at(seq, now_us), want);
	if (want == PQUEUE_ADDED) {
		m->held[m->count].seq = seq;
		m->held[m->count].at_us = now_us;
		m->count++;
	}
}

static void model_step_pop(struct model *m)
{
	if (m->count == 0) {
		expect_empty();
		pqueue_pop(&queue);
		return;
	}
	size_t lowest = model_lowest(m);
	seq32 seq = m->held[lowest].seq;
	ck_assert_int_eq(pqueue_head(&queue)->known_since_us, model_known_since(m, seq));
	expect_pop(seq);
	m->held[lowest] = m->held[--m->count];
}

START_TEST(pqueue_behaves_like_a_naive_model)
{
	seed_random("PQUEUE_SEED");
	for (unsigned round = 0; round < 300; round++) {
		struct model m = {.count = 0};
		size_t capacity = 1 + random32() % CAPACITY;
		uint32_t spread = 1 + random32() % 200;
		seq32 first = random32() % 2 ? random32() : UINT32_MAX - random32() % 100;
		init_queue(capacity);
		for (unsigned step = 0; step < 400; step++) {
			if (random32() % 5 < 3)
				model_step_add(&m, capacity, first + random32() % spread, step);
			else
				model_step_pop(&m);
			if (step % 16 == 0)
				check_links();
			first += random32() % 3;
		}
		while (m.count)
			model_step_pop(&m);
		expect_empty();
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pqueue");
	TCase *tc = tcase_create("pqueue");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, pqueue_is_empty_at_first);
	tcase_add_test(tc, pqueue_returns_in_order_what_was_added_in_order);
	tcase_add_test(tc, pqueue_returns_in_order_what_was_added_backwards);
	tcase_add_test(tc, pqueue_orders_every_permutation_of_six);
	tcase_add_test(tc, pqueue_orders_every_permutation_across_the_wrap);
	tcase_add_test(tc, pqueue_orders_every_permutation_across_the_sign_bit);
	tcase_add_test(tc, pqueue_keeps_order_across_wrap);
	tcase_add_test(tc, pqueue_orders_numbers_that_are_nearly_2_31_apart);
	tcase_add_test(tc, pqueue_refuses_a_duplicate_and_keeps_all_entries);
	tcase_add_test(tc, pqueue_refuses_a_duplicate_of_any_entry_on_either_side_of_a_gap);
	tcase_add_test(tc, pqueue_pops_the_tail_and_keeps_the_rest);
	tcase_add_test(tc, pqueue_is_full_at_its_capacity_and_adds_again_after_a_pop);
	tcase_add_test(tc, pqueue_of_capacity_0_refuses_everything);
	tcase_add_test(tc, pqueue_refuses_a_payload_longer_than_a_slot);
	tcase_add_test(tc, pqueue_copies_the_payload);
	tcase_add_test(tc, pqueue_reuses_a_freed_entry_before_a_fresh_one);
	tcase_add_test(tc, pqueue_never_assigns_a_slot_to_two_entries);
	tcase_add_test(tc, pqueue_knows_a_gap_since_the_first_arrival_behind_it);
	tcase_add_test(tc, pqueue_behaves_like_a_naive_model);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
