/*
 * A program run as a child: argv only, its standard output kept up to a limit, the end of what it
 * says on standard error kept for messages. The caller waits without polling, and can stop it.
 *
 * The child has a process group and the default signals, standard input is /dev/null, no other file
 * of ours is open in it, and it runs at a lower priority. Threads: any; one child a call.
 */
#ifndef AKIN_LIVE_CHILD_H
#define AKIN_LIVE_CHILD_H

#include "core/buf.h"

enum { CHILD_SAID = 400, CHILD_LINE = 512 };

struct child_spec {
    char *const *argv; /* argv[0] is the path of the program; ends with NULL */
    int64_t most_output;
    int stop_fd;      /* when it can be read the child is stopped; -1 = never */
    int64_t grace_ms; /* from SIGTERM to SIGKILL */
    void (*on_line)(void *arg, const char *line); /* of standard error; NULL = not wanted */
    void *arg;
};

struct child_end {
    int code;              /* exit status, or 128 + signal */
    bool is_stopped;       /* by stop_fd */
    char said[CHILD_SAID]; /* the last line of standard error that is no progress, cleaned */
};

/*
 * Runs it to its end; standard output is appended to out. A child that fails is no error of this
 * call: look at end->code. Fails: E_IO (no such program, no pipe or process), E_LIMIT (more output
 * than most_output), E_MEMORY; there is no child left then.
 */
akin_status child_run(const struct child_spec *spec, struct buf *out, struct child_end *end,
                      akin_error *err);

#endif
