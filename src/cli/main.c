/*
 * akin, the program: one subcommand per operation of the public table. Exit status: 0 done,
 * 1 failed, 2 wrong usage or input, 130 interrupted.
 */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* A signal handler needs a place to find the work to cancel; nothing else uses it. */
static akin_ctx *volatile interrupt_ctx;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    if (interrupt_ctx)
        akin_cancel(interrupt_ctx);
}

static void on_hangup(int signal_number)
{
    (void)signal_number;
    if (interrupt_ctx)
        akin_reload(interrupt_ctx);
}

struct session {
    struct globals globals;
    struct progress_view progress;
};

static void on_log(void *arg, akin_log_level level, const char *message)
{
    struct session *s = arg;
    static const char *const prefix[] = {"error: ", "warning: ", "", ""};
    if (level == AKIN_LOG_DEBUG && !s->globals.verbose)
        return;
    if (level >= AKIN_LOG_INFO && s->globals.quiet)
        return;
    progress_clear(&s->progress);
    fprintf(stderr, "akin: %s%s\n", prefix[level], message);
}

static int on_output(void *arg, const void *bytes, size_t size)
{
    (void)arg;
    return fwrite(bytes, 1, size, stdout) == size && fflush(stdout) == 0 ? 0 : 1;
}

static const akin_op *find_op(const char *name)
{
    const akin_op *op;
    for (size_t i = 0; (op = akin_op_at(i)); i++) {
        if (strcmp(op->name, name) == 0)
            return op;
    }
    return NULL;
}

/* The operation of the command line: one word, or two of a family ("dsstne train"). *n: words. */
static const akin_op *find_command(int argc, char **argv, int *n)
{
    const akin_op *op = find_op(argv[1]);
    char name[64];
    *n = 1;
    if (op || argc < 3)
        return op;
    *n = 2;
    int size = snprintf(name, sizeof name, "%s-%s", argv[1], argv[2]);
    return size < (int)sizeof name ? find_op(name) : NULL;
}

static void watch_signals(const akin_op *op)
{
    struct sigaction action = {0};
    action.sa_handler = on_interrupt;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = on_hangup;
    if (strcmp(op->name, "serve") == 0) /* anything else ends with its terminal */
        sigaction(SIGHUP, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

/* Prints a result as JSON or for people. Streaming operations printed their rows already. */
static int print_result(const struct session *s, const akin_op *op, const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    const json_t *rows = json_object_get(json, "rows");
    bool is_streamed = rows && json_object_get(json, "lists") && !json_object_get(json, "sinks");
    is_streamed = is_streamed || json_is_true(json_object_get(json, "printed"));
    if (is_streamed || (strcmp(op->name, "predict") == 0)) {
        if (!s->globals.quiet && json_object_get(json, "output"))
            fprintf(stderr, "akin: wrote %s\n", json_string_value(json_object_get(json, "output")));
    } else if (s->globals.json) {
        printf("%s\n", text);
    } else {
        render_result(stdout, op->name, json);
    }
    json_decref(json);
    if (fflush(stdout) != 0) {
        fprintf(stderr, "akin: error: writing the result: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}

static bool op_has(const akin_op *op, const char *name)
{
    for (size_t g = 0; g < op->n_groups; g++) {
        for (const akin_param *p = op->groups[g].params; p->name; p++) {
            if (strcmp(p->name, name) == 0)
                return true;
        }
    }
    return false;
}

/*
 * What an operation proposes to go on with ("serve": its parameters): the server, in the foreground
 * until it is interrupted. Only where somebody watches, or it was asked for.
 */
static akin_status go_on(struct session *s, akin_ctx *ctx, const char *result, bool is_asked,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *json = result ? json_loads(result, 0, NULL) : NULL;
    json_t *serve = json_object_get(json, "serve");
    if (!serve || (!is_asked && !isatty(STDOUT_FILENO)))
        goto done;
    char *text = json_dumps(serve, JSON_COMPACT);
    watch_signals(find_op("serve"));
    status = akin_op_run(ctx, "serve", text, NULL, err);
    free(text);
    if (status == AKIN_E_IO && json_object_get(serve, "listen")) { /* the usual port is taken */
        if (!s->globals.quiet)
            fprintf(stderr, "akin: %s; taking a free port\n", err->message);
        json_object_set_new(serve, "listen", json_string("127.0.0.1:0"));
        text = json_dumps(serve, JSON_COMPACT);
        status = akin_op_run(ctx, "serve", text, NULL, err);
        free(text);
    }
done:
    json_decref(json);
    return status;
}

/* Who works for a process shall not outlive it, however that ends. False: it has ended already. */
static bool follow_parent(int64_t parent)
{
    return parent == 0 || (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == (pid_t)parent);
}

static int run_op(struct session *s, const akin_op *op, json_t *params)
{
    akin_ctx *ctx = NULL;
    akin_error err = {0};
    char *result = NULL, *text;
    int code = 0;
    if (!follow_parent(s->globals.parent)) {
        fprintf(stderr, "akin: error: --parent %lld did not start this process\n",
                (long long)s->globals.parent);
        return 1;
    }
    akin_status status = akin_ctx_create(&s->globals.ctx, &ctx, &err);
    if (status != AKIN_OK)
        goto done;
    interrupt_ctx = ctx;
    watch_signals(op);
    akin_ctx_on_log(ctx, on_log, s);
    akin_ctx_on_output(ctx, on_output, s);
    s->progress.is_tty = isatty(STDERR_FILENO) != 0;
    if (!s->globals.quiet)
        akin_ctx_on_progress(ctx, progress_show, &s->progress);
    if (s->globals.json && op_has(op, "format") && op_has(op, "history") &&
        !json_object_get(params, "output") && !json_object_get(params, "format"))
        json_object_set_new(params, "format", json_string("jsonl"));
    text = json_dumps(params, JSON_COMPACT);
    status = akin_op_run(ctx, op->name, text, &result, &err);
    free(text);
    progress_clear(&s->progress);
    if (status == AKIN_OK)
        code = print_result(s, op, result);
    if (status == AKIN_OK && code == 0)
        status = go_on(s, ctx, result, json_object_get(params, "serve") != NULL, &err);
done:
    if (status != AKIN_OK) {
        code = akin_status_exit(status);
        fprintf(stderr, "akin: %s: %s\n", status == AKIN_E_CANCELLED ? "stopped" : "error",
                err.message);
    }
    akin_string_free(result);
    interrupt_ctx = NULL;
    akin_ctx_free(ctx);
    return code;
}

static int run_builtin(int argc, char **argv)
{
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        printf("akin %s\n", akin_version());
        return 0;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        int n_words;
        const akin_op *op = argc > 2 ? find_command(argc - 1, argv + 1, &n_words) : NULL;
        if (op)
            help_op(stdout, op);
        else
            help_program(stdout);
        return 0;
    }
    if (strcmp(name, "man") == 0) {
        help_man(stdout);
        return 0;
    }
    if (strcmp(name, "completion") == 0) {
        if (argc > 2 && help_completion(stdout, argv[2]))
            return 0;
        fprintf(stderr, "akin: completion: which shell? (bash, zsh, fish)\n");
        return 2;
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct session s = {.globals = {.ctx = {.seed = 42}}};
    if (argc < 2) {
        help_program(stderr);
        return 2;
    }
    int code = run_builtin(argc, argv);
    if (code >= 0)
        return code;
    int n_words;
    const akin_op *op = find_command(argc, argv, &n_words);
    if (!op) {
        fprintf(stderr, "akin: error: unknown command '%s' (see akin --help)\n", argv[1]);
        return 2;
    }
    json_t *params = json_object();
    code = 2;
    if (args_parse(op, argc - 1 - n_words, argv + 1 + n_words, &s.globals, params)) {
        if (s.globals.help) {
            help_op(stdout, op);
            code = 0;
        } else {
            code = run_op(&s, op, params);
        }
    }
    json_decref(params);
    return code;
}
