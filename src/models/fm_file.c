/* The files of fm: its samples, beside what it keeps of its data (machine_file.c). */
#include "models/fm.h"
#include "models/model_impl.h"

#include <string.h>

struct section {
    const char *name;
    const float **field;
    int64_t n;
};
enum { N_SECTIONS = 6 + FM_SIDES };

static void sections(struct fm *s, struct section out[N_SECTIONS])
{
    static const char *const theta[FM_SIDES] = {"m.item.theta", "m.context.theta", "m.user.theta"};
    const struct section all[N_SECTIONS - FM_SIDES] = {
        {"m.items", &s->items, s->known.n_items * s->S * s->k1},
        {"m.drawn", &s->drawn, s->params->solver == FM_MCMC ? s->known.n_items * s->S * s->k1 : 0},
        {"m.offset", &s->offset, s->known.n_items * s->S},
        {"m.bias", &s->bias, s->known.n_items},
        {"m.prior", &s->prior, 2 * s->S * s->k1},
        {"m.newcomer", &s->newcomer, s->S * s->k1},
    };
    memcpy(out, all, sizeof all);
    for (int side = 0; side < FM_SIDES; side++)
        out[N_SECTIONS - FM_SIDES + side] = (struct section){
            theta[side], &s->theta[side], s->S * fm_count(&s->known, side) * s->k1};
}

akin_status fm_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fm s = *(const struct fm *)m->self;
    struct section part[N_SECTIONS];
    AKIN_TRY(fm_known_save(&s.known, w, err));
    sections(&s, part);
    for (int i = 0; i < N_SECTIONS; i++)
        if (part[i].n > 0)
            AKIN_TRY(container_add(w, part[i].name, CONTAINER_REQUIRED, *part[i].field,
                                   part[i].n * (int64_t)sizeof(float), err));
done:
    return status;
}

akin_status fm_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fm *s = m->self;
    struct section part[N_SECTIONS];
    const struct fm_params *p = m->params;
    fm_init(m, 0);
    AKIN_TRY(fm_known_load(&s->known, c, err));
    sections(s, part);
    for (int i = 0; i < N_SECTIONS; i++)
        if (part[i].n > 0)
            AKIN_TRY(model_load_floats(m->ctx, c, part[i].name, part[i].n, part[i].field, err));
    if (p->solver != FM_MCMC)
        s->drawn = s->items;
    for (int64_t at = 0; at < s->S * s->k1; at++)
        if (!(s->prior[(2 * (at / s->k1) + 1) * s->k1 + at % s->k1] > 0))
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.prior: a precision is not above 0",
                      container_path(c));
done:
    return status;
}

void fm_destroy(struct model *m)
{
    struct fm *s = m->self;
    fm_known_free(&s->known);
    if (s->known.is_mapped)
        return;
    for (int side = 0; side < FM_SIDES; side++)
        model_free_array(m->ctx, s->theta[side]);
    if (s->drawn != s->items)
        model_free_array(m->ctx, s->drawn);
    model_free_array(m->ctx, s->items);
    model_free_array(m->ctx, s->offset);
    model_free_array(m->ctx, s->bias);
    model_free_array(m->ctx, s->prior);
    model_free_array(m->ctx, s->newcomer);
}
