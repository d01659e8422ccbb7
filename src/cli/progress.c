/* Progress: a bar on a terminal, a line every ten seconds elsewhere. */
#include "cli/cli.h"

#include <string.h>

static void print_eta(const akin_progress *p)
{
    if (p->eta_seconds >= 0)
        fprintf(stderr, "  %.0f s left", p->eta_seconds);
}

static void draw_bar(struct progress_view *view, const akin_progress *p)
{
    enum { WIDTH = 30 };
    char bar[WIDTH + 1];
    double share = p->total > 0 ? (double)p->done / (double)p->total : 0;
    int filled = (int)(share * WIDTH);
    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[WIDTH] = '\0';
    if (p->total > 0)
        fprintf(stderr, "\r\033[K%-12s %s %3.0f%%", p->stage, bar, 100 * share);
    else
        fprintf(stderr, "\r\033[K%-12s %lld", p->stage, (long long)p->done);
    print_eta(p);
    fflush(stderr);
    view->is_open = true;
}

void progress_show(void *arg, const akin_progress *p)
{
    struct progress_view *view = arg;
    if (view->is_tty) {
        draw_bar(view, p);
        if (p->total > 0 && p->done >= p->total)
            progress_clear(view);
        return;
    }
    if (strncmp(view->stage, p->stage, sizeof view->stage - 1) != 0) {
        snprintf(view->stage, sizeof view->stage, "%s", p->stage);
        view->last_seconds = 0;
    }
    if (p->elapsed_seconds - view->last_seconds < 10)
        return;
    view->last_seconds = p->elapsed_seconds;
    fprintf(stderr, "akin: %s %lld", p->stage, (long long)p->done);
    if (p->total > 0)
        fprintf(stderr, " of %lld", (long long)p->total);
    print_eta(p);
    fputc('\n', stderr);
}

void progress_clear(struct progress_view *view)
{
    if (view->is_open)
        fprintf(stderr, "\r\033[K");
    view->is_open = false;
}
