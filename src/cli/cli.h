/* The program: sees the public header only. Results on stdout, the rest on stderr. */
#ifndef AKIN_CLI_CLI_H
#define AKIN_CLI_CLI_H

#include "akin/akin.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Options that every command has. */
struct globals {
    bool json;
    bool quiet;
    bool verbose;
    bool help;
    const char *isa;
    int64_t parent; /* process with which this one ends, 0 = none */
    akin_ctx_options ctx;
};

/* args.c: the command line after the subcommand → globals and the operation's JSON parameters.
 * False after an error was printed. */
bool args_parse(const akin_op *op, int argc, char **argv, struct globals *g, json_t *params);
bool args_size(const char *text, int64_t *out);

/* help.c */
void help_program(FILE *out);
void help_op(FILE *out, const akin_op *op);
void help_man(FILE *out);
bool help_completion(FILE *out, const char *shell);

/* render.c: a result for people. */
void render_result(FILE *out, const char *op, const json_t *result);

/* render_sets.c */
void render_itemsets(FILE *out, const json_t *result);
void render_rules(FILE *out, const json_t *result);

/* render_tune.c */
void render_tune(FILE *out, const json_t *result);

/* progress.c */
struct progress_view {
    bool is_tty;
    bool is_open; /* a bar is on the line */
    double last_seconds;
    char stage[64];
};
void progress_show(void *arg, const akin_progress *p);
void progress_clear(struct progress_view *view);

#endif
