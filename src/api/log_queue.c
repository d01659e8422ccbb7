/* See log_queue.h. Cost: a copy of each line, and a lock. */
#include "api/log_queue.h"

#include "core/text.h"

void log_queue_init(struct log_queue *q)
{
    pthread_mutex_init(&q->lock, NULL);
    q->head = q->n = 0;
    q->n_dropped = 0;
}

void log_queue_free(struct log_queue *q)
{
    pthread_mutex_destroy(&q->lock);
}

void log_queue_add(void *arg, akin_log_level level, const char *message)
{
    struct log_queue *q = arg;
    pthread_mutex_lock(&q->lock);
    if (q->n < LOG_LINES) {
        int at = (q->head + q->n++) % LOG_LINES;
        q->line[at].level = level;
        text_copy(q->line[at].text, sizeof q->line[at].text, message);
    } else {
        q->n_dropped++;
    }
    pthread_mutex_unlock(&q->lock);
}

/* The oldest line into text; false: there is none. */
static bool take(struct log_queue *q, akin_log_level *level, char text[LOG_LINE],
                 int64_t *n_dropped)
{
    pthread_mutex_lock(&q->lock);
    bool is_there = q->n > 0;
    *n_dropped = is_there ? 0 : q->n_dropped;
    q->n_dropped -= *n_dropped;
    if (is_there) {
        *level = q->line[q->head].level;
        text_copy(text, LOG_LINE, q->line[q->head].text);
        q->head = (q->head + 1) % LOG_LINES;
        q->n--;
    }
    pthread_mutex_unlock(&q->lock);
    return is_there;
}

void log_queue_drain(struct log_queue *q, akin_ctx *to)
{
    akin_log_level level;
    char text[LOG_LINE];
    int64_t n_dropped;
    while (take(q, &level, text, &n_dropped))
        log_write(to, level, "%s", text);
    if (n_dropped > 0)
        log_write(to, AKIN_LOG_WARN, "%lld log lines were dropped", (long long)n_dropped);
}
