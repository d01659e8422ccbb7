/*
 * Rows written as libsvm are those that prepare reads back: labels, features and values; libffm's
 * differ by their fields alone.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../data/prepare_fixture.h"
#include "fm_util.h"

#include "core/file.h"
#include "models/machine_rows.h"

#include "fm_golden.h"

static const char *const path = "test_machine_rows.txt";

static char *written(struct bed *b, const struct fm_choice *choice, bool with_fields,
                     struct fm_rows_count *n)
{
    char *text;
    int64_t size;
    if (fm_rows_write(&b->tv, choice, with_fields, path, n, &b->err) != AKIN_OK)
        fail_msg("%s", b->err.message);
    assert_int_equal(file_read(b->ctx, path, 1 << 20, &text, &size, &b->err), AKIN_OK);
    assert_int_equal(remove(path), 0);
    return text;
}

static int64_t id_number(const struct ids *ids, int32_t at)
{
    int32_t size;
    const char *id = ids_get(ids, at, &size);
    int64_t out = 0;
    for (int32_t i = 0; i < size; i++)
        out = 10 * out + id[i] - '0';
    return out;
}

static void reads_back(void **state)
{
    static const int64_t tasks[] = {FM_REGRESSION, FM_RANKING};
    (void)state;
    for (int c = 0; c < 2; c++) {
        struct bed b;
        struct fm_rows_count n;
        bed_make(&b, "fm", 1, golden_events, GOLDEN_RATINGS, device_of_event, NULL,
                 "{\"solver\":\"als\",\"epochs\":1}");
        struct fm_choice choice = {"export", tasks[c], 2, NULL, true, true, true, true};
        struct fm_known known = {.ctx = b.ctx,
                                 .owner = b.m,
                                 .choice = choice,
                                 .n_items = b.m->items.n,
                                 .seed = b.tv.seed};
        struct fm_data d = {.ctx = b.ctx, .m = b.m, .tv = &b.tv, .known = &known};
        char *text = written(&b, &choice, false, &n);
        struct prepared r = prepare_string(b.ctx, "rows.svm", text, "{}");
        assert_int_equal(fm_data_read(&d, &b.err), AKIN_OK);
        assert_int_equal(r.status, AKIN_OK);
        assert_int_equal(defects_sum(&r), 0);
        assert_int_equal(n.rows, d.n);
        assert_int_equal(r.ds->users.n, n.rows);
        assert_int_equal(r.ds->n_events, n.values);
        const struct column *label = table_find(&r.ds->user_table, "label");
        assert_non_null(label);
        for (int32_t e = 0; e < d.n; e++) {
            char line[16];
            int32_t u =
                ids_find(&r.ds->users, line, (size_t)snprintf(line, sizeof line, "%d", e + 1));
            assert_true(u >= 0);
            int64_t at = r.ds->user_ptr[u], first = 1;
            float target = c == 0 ? b.tv.hist.value[e] : d.target[e];
            assert_true((float)label->num[u] == target);
            for (int side = 0; side < FM_SIDES; first += d.side[side++].n_features) {
                const struct csr *X = &d.side[side].X;
                int64_t lo = d.row[side] ? X->ptr[d.row[side][e]] : 0;
                int64_t hi = d.row[side] ? X->ptr[d.row[side][e] + 1] : 0;
                for (int64_t p = lo; p < hi; p++, at++) {
                    assert_int_equal(id_number(&r.ds->items, r.ds->item[at]), first + X->col[p]);
                    assert_true(r.ds->value[at] == X->val[p]);
                }
            }
            assert_int_equal(at, r.ds->user_ptr[u + 1]);
        }
        prepared_free(&r);
        fm_data_free(&d);
        fm_known_free(&known);
        mem_free(b.ctx, text);
        bed_free(&b);
    }
}

/* Without its fields a line of libffm is one of libsvm. */
static void fields(void **state)
{
    struct bed b;
    struct fm_rows_count n, with;
    const struct fm_choice choice = {"export", FM_REGRESSION, 2, NULL, true, true, true, true};
    (void)state;
    bed_make(&b, "fm", 1, golden_events, GOLDEN_RATINGS, device_of_event, NULL,
             "{\"solver\":\"als\",\"epochs\":1}");
    char *plain = written(&b, &choice, false, &n), *text = written(&b, &choice, true, &with);
    char *to = text;
    int64_t most = 0;
    for (const char *at = text; *at;) {
        char *end;
        *to++ = *at;
        if (*at++ != ' ')
            continue;
        int64_t field = strtol(at, &end, 10);
        most = field > most ? field : most;
        assert_int_equal(*end, ':');
        at = end + 1;
    }
    *to = 0;
    assert_string_equal(text, plain);
    assert_int_equal(most + 1, with.fields);
    assert_int_equal(n.fields, 0);
    mem_free(b.ctx, plain);
    mem_free(b.ctx, text);
    bed_free(&b);
}

static void refused(void **state)
{
    struct bed b;
    struct fm_rows_count n;
    struct fm_choice choice = {"export", FM_CLASSIFICATION, 2, NULL, true, true, true, true};
    (void)state;
    bed_make(&b, "fm", 1, golden_events, GOLDEN_RATINGS, NULL, NULL,
             "{\"solver\":\"als\",\"epochs\":1}");
    assert_int_equal(fm_rows_write(&b.tv, &choice, false, path, &n, &b.err), AKIN_E_INPUT);
    assert_non_null(strstr(b.err.message, "export: task=classification needs two classes"));
    choice.task = FM_REGRESSION;
    assert_int_equal(fm_rows_write(&b.tv, &choice, false, "nowhere/rows", &n, &b.err),
                     AKIN_E_NOT_FOUND);
    assert_false(file_exists(path));
    bed_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_back), cmocka_unit_test(fields),
                                       cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
