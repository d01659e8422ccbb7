/*
 * rules_apply on random requests: against a naive reference that recounts everything at every place
 * (MMR by its definition), against all subsets for caps, and what must hold for any request.
 */
#include "kern/math.h"
#include "unit/rank/shop.h"

#include <math.h>

enum { SEEDS = 3000 };

static bool in_list(const int32_t *x, int32_t n, int32_t v)
{
    for (int32_t i = 0; i < n; i++) {
        if (x[i] == v)
            return true;
    }
    return false;
}

static bool may_come(const struct shop *s, int32_t item)
{
    return item >= 0 && (!s->in.allow || in_list(s->allow, s->in.n_allow, item)) &&
           !in_list(s->deny, s->in.n_deny, item);
}

/* The naive reference: an item of it, and what is chosen so far. */
struct naive_item {
    int32_t item;
    float score;
    double value;
    int tier;
    bool out; /* placed or pinned */
};

struct naive {
    const struct shop *s;
    struct naive_item x[ITEMS];
    int32_t n;
    int32_t pin[ITEMS]; /* item at place, -1 = none */
    int32_t chosen[2 * ITEMS];
    int32_t n_chosen;
    int64_t level;
};

static int32_t naive_find(struct naive *v, int32_t item)
{
    for (int32_t i = 0; i < v->n; i++) {
        if (v->x[i].item == item)
            return i;
    }
    v->x[v->n] = (struct naive_item){.item = item, .score = UNSCORED, .tier = 2};
    return v->n++;
}

static int64_t naive_excess(const struct naive *v, int32_t item)
{
    const struct shop *s = v->s;
    int64_t most = 0;
    for (int32_t c = 0; s->p.category_cap > 0 && c < s->n_cats[item]; c++) {
        int64_t n = 1 - s->p.category_cap;
        for (int32_t j = 0; j < v->n_chosen; j++)
            n += in_list(s->cats[v->chosen[j]], s->n_cats[v->chosen[j]], s->cats[item][c]);
        most = n > most ? n : most;
    }
    return most;
}

static double naive_likeness(const struct shop *s, int32_t a, int32_t b)
{
    if (s->in.likeness)
        return (double)s->in.likeness(s, a, b);
    int32_t both = 0;
    for (int32_t j = 0; j < s->n_cats[a]; j++)
        both += in_list(s->cats[b], s->n_cats[b], s->cats[a][j]);
    return both ? (double)both / (double)(s->n_cats[a] + s->n_cats[b] - both) : 0.0;
}

static void naive_init(struct naive *v, const struct shop *s)
{
    memset(v, 0, sizeof *v);
    v->s = s;
    for (int32_t j = 0; j < s->in.n; j++) {
        struct naive_item x = {.item = s->list[j].item, .score = s->list[j].score};
        double f = kern_pow(1.0 + s->count[x.item], s->p.popularity_damping);
        x.tier = x.score == UNSCORED;
        x.value = x.tier ? 0.0 : x.score > 0.0f ? (double)x.score / f : (double)x.score * f;
        if (!may_come(s, x.item))
            continue;
        int32_t at = v->n++;
        for (; at > 0 && v->x[at - 1].tier == x.tier && v->x[at - 1].value < x.value; at--)
            v->x[at] = v->x[at - 1];
        v->x[at] = x;
    }
    for (int32_t i = 0; i < s->in.n_pinned; i++) {
        int32_t item = s->pinned[i];
        bool is_pin = i < s->in.k && may_come(s, item) && !in_list(v->pin, i, item);
        v->pin[i] = is_pin ? item : -1;
        if (may_come(s, item) && is_pin)
            v->chosen[v->n_chosen++] = v->x[naive_find(v, item)].item;
        else if (may_come(s, item))
            naive_find(v, item);
    }
    for (int32_t i = 0; i < s->in.n_promoted; i++) {
        if (may_come(s, s->promoted[i]))
            naive_find(v, s->promoted[i]);
    }
    for (int32_t i = 0; i < s->in.n_fresh; i++) {
        if (may_come(s, s->fresh[i]))
            naive_find(v, s->fresh[i]);
    }
    for (int32_t i = 0; i < v->n; i++)
        v->x[i].out = in_list(v->chosen, v->n_chosen, v->x[i].item);
}

/* Relevance of candidate i: of those that were not pinned. */
static double naive_relevance(const struct naive *v, int32_t i, const bool *was_pinned)
{
    double lo = INFINITY, hi = -INFINITY;
    int32_t n = 0, before = 0;
    for (int32_t j = 0; j < v->n; j++) {
        if (was_pinned[j] || v->x[j].tier != v->x[i].tier)
            continue;
        before += j < i;
        n++;
        lo = v->x[j].value < lo ? v->x[j].value : lo;
        hi = v->x[j].value > hi ? v->x[j].value : hi;
    }
    if (v->x[i].tier == 0)
        return hi > lo ? (v->x[i].value - lo) / (hi - lo) : 1.0;
    return (double)(n - before) / (double)n;
}

static int32_t naive_ranking(struct naive *v, const bool *was_pinned)
{
    int64_t least = INT64_MAX;
    int32_t best = -1;
    double best_value = 0.0, lambda = v->s->p.diversity;
    for (int32_t i = 0; i < v->n; i++) {
        int64_t e = v->x[i].out ? INT64_MAX : naive_excess(v, v->x[i].item);
        least = e < least ? e : least;
    }
    v->level = least < INT64_MAX && least > v->level ? least : v->level;
    for (int32_t i = 0; i < v->n; i++) {
        double near = -INFINITY;
        if (v->x[i].out || naive_excess(v, v->x[i].item) > v->level ||
            (best >= 0 && v->x[i].tier > v->x[best].tier))
            continue;
        for (int32_t j = 0; j < v->n_chosen; j++) {
            double x = naive_likeness(v->s, v->x[i].item, v->chosen[j]);
            near = x > near ? x : near;
        }
        double value = (1.0 - lambda) * naive_relevance(v, i, was_pinned) -
                       lambda * (v->n_chosen ? near : 0.0);
        if (best < 0 || (lambda > 0.0 && value > best_value)) {
            best = i;
            best_value = value;
        }
    }
    return best;
}

static int32_t naive_place(struct naive *v, int32_t place, const bool *was_pinned, int32_t *pin)
{
    const struct shop *s = v->s;
    for (; *pin < s->in.n_pinned && *pin <= place; (*pin)++) {
        if (v->pin[*pin] >= 0)
            return naive_find(v, v->pin[(*pin)++]);
    }
    if (s->p.promote_every > 0 && (place + 1) % s->p.promote_every == 0) {
        for (int32_t j = 0; j < s->in.n_promoted; j++) {
            int32_t i = may_come(s, s->promoted[j]) ? naive_find(v, s->promoted[j]) : -1;
            if (i >= 0 && !v->x[i].out && naive_excess(v, v->x[i].item) <= v->level)
                return i;
        }
    }
    int32_t i = naive_ranking(v, was_pinned);
    while (i < 0 && *pin < s->in.n_pinned) {
        int32_t item = v->pin[(*pin)++];
        i = item >= 0 ? naive_find(v, item) : -1;
    }
    return i;
}

static void test_reference(void **state)
{
    struct shop s;
    struct ruled out[ITEMS];
    struct naive v;
    print_message("seeds 0..%d\n", SEEDS - 1);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        bool was_pinned[ITEMS];
        int32_t pin = 0, n = 0;
        shop_random(&s, seed, 40, CATS);
        s.p.explore = 0.0;
        int32_t count = apply(*state, &s, out);
        naive_init(&v, &s);
        for (int32_t i = 0; i < v.n; i++)
            was_pinned[i] = v.x[i].out;
        for (; n < s.in.k; n++) {
            int32_t i = naive_place(&v, n, was_pinned, &pin);
            if (i < 0)
                break;
            if (!v.x[i].out)
                v.chosen[v.n_chosen++] = v.x[i].item;
            v.x[i].out = true;
            if (n >= count || out[n].item != v.x[i].item || out[n].score != v.x[i].score)
                fail_msg("seed %d, place %d: %d (want %d)", (int)seed, n,
                         n < count ? out[n].item : -1, v.x[i].item);
        }
        assert_int_equal(count, n);
    }
}

static void check_reason(const struct shop *s, const struct ruled *r, uint64_t seed)
{
    bool is_right = true;
    if (r->reason == RULE_PINNED)
        is_right = in_list(s->pinned, s->in.n_pinned, r->item);
    else if (r->reason == RULE_PROMOTED)
        is_right = in_list(s->promoted, s->in.n_promoted, r->item) && s->p.promote_every > 0;
    else if (r->reason == RULE_EXPLORED)
        is_right = in_list(s->fresh, s->in.n_fresh, r->item) && s->p.explore > 0.0;
    else if (r->reason == RULE_DIVERSE)
        is_right = r->score != UNSCORED && (s->p.diversity > 0.0 || s->p.category_cap > 0);
    else
        is_right = (r->score == UNSCORED) == (r->reason == RULE_FALLBACK);
    if (!is_right)
        fail_msg("seed %d: item %d, %s", (int)seed, r->item, rule_reason_name(r->reason));
}

/* What must hold for every request, exploration included. */
static void test_properties(void **state)
{
    struct shop s;
    struct ruled out[ITEMS], again[ITEMS];
    struct naive v;
    print_message("seeds 0..%d\n", SEEDS - 1);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        shop_random(&s, seed, 60, CATS);
        int32_t n = apply(*state, &s, out), n_new = 0, n_free = 0;
        naive_init(&v, &s); /* only for its union and pins */
        assert_int_equal(n, s.in.k < v.n ? s.in.k : v.n);
        for (int32_t i = 0; i < n; i++) {
            assert_true(may_come(&s, out[i].item));
            for (int32_t j = 0; j < i; j++)
                assert_int_not_equal(out[i].item, out[j].item);
            if (i < s.in.n_pinned && v.pin[i] >= 0 && v.n >= s.in.k)
                assert_true(out[i].item == v.pin[i] && out[i].reason == RULE_PINNED);
            float score = v.x[naive_find(&v, out[i].item)].score;
            assert_memory_equal(&out[i].score, &score, sizeof score);
            check_reason(&s, &out[i], seed);
            n_new += out[i].reason == RULE_EXPLORED;
            n_free += out[i].reason != RULE_PINNED && out[i].reason != RULE_PROMOTED;
        }
        assert_true(n_new <= (int32_t)ceil(s.p.explore * n_free));
        assert_int_equal(apply(*state, &s, again), n);
        assert_memory_equal(out, again, (size_t)n * sizeof *out);
    }
}

/* The least excess over the cap, of items that are not pinned, in any choice of n candidates. */
static int64_t least_excess(const struct naive *v, int32_t n)
{
    const struct shop *s = v->s;
    int64_t least = INT64_MAX;
    for (uint32_t set = 0; set < 1u << v->n; set++) {
        int64_t worst = 0;
        bool is_choice = __builtin_popcount(set) == n;
        for (int32_t i = 0; i < v->n && is_choice; i++)
            is_choice = !v->x[i].out || set >> i & 1;
        for (int32_t i = 0; i < v->n && is_choice; i++) {
            int64_t total = -s->p.category_cap;
            if (!(set >> i & 1) || v->x[i].out || s->n_cats[v->x[i].item] == 0)
                continue;
            for (int32_t j = 0; j < v->n; j++)
                total += (set >> j & 1) && s->n_cats[v->x[j].item] > 0 &&
                         s->cats[v->x[j].item][0] == s->cats[v->x[i].item][0];
            worst = total > worst ? total : worst;
        }
        least = is_choice && worst < least ? worst : least;
    }
    return least;
}

/* With one category an item at most, no choice of items is further within the cap. */
static void test_caps_possible(void **state)
{
    struct shop s;
    struct ruled out[ITEMS];
    struct naive v;
    int32_t n_kept = 0, n_not = 0;
    print_message("seeds 0..1499\n");
    for (uint64_t seed = 0; seed < 1500; seed++) {
        shop_random(&s, seed, 10, 1);
        s.p.category_cap = 1 + (int64_t)(seed % 2);
        int32_t n = apply(*state, &s, out);
        naive_init(&v, &s);
        int64_t want = least_excess(&v, n), worst = 0;
        for (int32_t i = 0; i < n; i++) {
            int64_t total = -s.p.category_cap;
            if (out[i].reason == RULE_PINNED || s.n_cats[out[i].item] == 0)
                continue;
            for (int32_t j = 0; j < n; j++)
                total +=
                    s.n_cats[out[j].item] > 0 && s.cats[out[j].item][0] == s.cats[out[i].item][0];
            worst = total > worst ? total : worst;
        }
        n_kept += want == 0;
        n_not += want > 0;
        if (want != worst)
            fail_msg("seed %d: over the cap by %d, could be %d", (int)seed, (int)worst, (int)want);
    }
    assert_true(n_kept > 300 && n_not > 100); /* both happen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_caps_possible),
    };
    return cmocka_run_group_tests(tests, toy_setup, toy_teardown);
}
