/* Help, the man page and shell completion, all from the table of operations. */
#include "cli/cli.h"

#include <string.h>

static const struct {
    const char *flag, *help;
} common[] = {
    {"--json", "print the result as JSON"},
    {"--threads N", "worker threads, 0 = all cores; the answer is the same"},
    {"--seed N", "of every random draw (default 42)"},
    {"--isa NAME", "ref, avx2, avx512 or neon; the answer is the same"},
    {"--memory SIZE", "a limit that is kept, e.g. 2GiB"},
    {"--parent PID", "end at once when that process, which started this one, has ended"},
    {"--quiet", "only results, warnings and errors"},
    {"--verbose", "more on stderr"},
    {"--help", "this text"},
};
enum { N_COMMON = sizeof common / sizeof *common };

void help_program(FILE *out)
{
    const akin_op *op;
    fprintf(out, "akin %s: a recommender engine\n\nusage: akin COMMAND [OPTION]...\n\n",
            akin_version());
    for (size_t i = 0; (op = akin_op_at(i)); i++)
        fprintf(out, "  %-15s %s\n", op->name, op->summary);
    fprintf(out, "\n  akin COMMAND --help tells more; akin completion bash|zsh|fish; akin man\n"
                 "\nexample: akin evaluate --train ratings.csv --model popular --model ials "
                 "--positive 'value >= 4'\n");
}

static void print_name(FILE *out, const char *name)
{
    for (; *name; name++)
        fputc(*name == '_' ? '-' : *name, out);
}

static const char *placeholder(const akin_param *p)
{
    static const char *const names[] = {"",       "N",    "X",     "TEXT",
                                        "CHOICE", "SIZE", "A,B,…", "KEY=VALUE"};
    return names[p->type];
}

static void print_help_text(FILE *out, const akin_param *p)
{
    fprintf(out, "%s", p->help);
    if (p->choices)
        fprintf(out, " (%s)", p->choices);
    if (p->unit && p->unit[0] && p->type != AKIN_PARAM_SIZE)
        fprintf(out, ", in %s", p->unit);
    if (p->flags & AKIN_PARAM_REQUIRED)
        fprintf(out, " [required]");
    else if (p->default_text && p->default_text[0])
        fprintf(out, " [%s]", p->default_text);
}

static void print_option(FILE *out, const akin_param *p)
{
    char flag[96];
    int n = 0;
    if (p->flags & AKIN_PARAM_HIDDEN)
        return;
    if (p->flags & AKIN_PARAM_POSITIONAL) {
        n = snprintf(flag, sizeof flag, "%s", p->name);
    } else {
        char letter[8] = "";
        if (p->flags >> 24)
            snprintf(letter, sizeof letter, "-%c, ", (char)(p->flags >> 24));
        n = snprintf(flag, sizeof flag, "%s--%s%s%s", letter, p->name, *placeholder(p) ? " " : "",
                     placeholder(p));
        for (size_t i = 0; i < strlen(letter) + 2 + strlen(p->name) && flag[i]; i++)
            flag[i] = flag[i] == '_' ? '-' : flag[i];
    }
    fprintf(out, n > 24 ? "  %s\n%28s" : "  %-25s %s", flag, "");
    print_help_text(out, p);
    fputc('\n', out);
}

static void print_usage(FILE *out, const akin_op *op)
{
    fprintf(out, "usage: akin %s", op->name);
    for (size_t g = 0; g < op->n_groups; g++) {
        for (const akin_param *p = op->groups[g].params; p->name; p++) {
            if (p->flags & AKIN_PARAM_POSITIONAL)
                fprintf(out, " %s%s", p->name, p->type == AKIN_PARAM_LIST ? "…" : "");
        }
    }
    fprintf(out, " [OPTION]...\n");
}

static void print_examples(FILE *out, const char *prefix, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        fprintf(out, "%s%.*s\n", prefix, (int)n, text);
        text += n + (text[n] == '\n');
    }
}

void help_op(FILE *out, const akin_op *op)
{
    fprintf(out, "akin %s: %s\n\n", op->name, op->summary);
    print_usage(out, op);
    for (size_t g = 0; g < op->n_groups; g++) {
        if (!op->groups[g].params->name)
            continue;
        fprintf(out, "\n%s\n", op->groups[g].title);
        for (const akin_param *p = op->groups[g].params; p->name; p++)
            print_option(out, p);
    }
    fprintf(out, "\nEvery command\n");
    for (size_t i = 0; i < N_COMMON; i++)
        fprintf(out, "  %-25s %s\n", common[i].flag, common[i].help);
    fprintf(out, "\nExample\n");
    print_examples(out, "  ", op->example);
}

/* Text for roff: a leading dot and backslashes are data. */
static void man_text(FILE *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\\')
            fputs("\\e", out);
        else if (*c == '-')
            fputs("\\-", out);
        else if (*c == '\n')
            fputs("\n.br\n", out);
        else
            fputc(*c, out);
    }
}

static void man_option(FILE *out, const akin_param *p)
{
    if (p->flags & AKIN_PARAM_HIDDEN)
        return;
    fprintf(out, ".TP\n.B ");
    if (!(p->flags & AKIN_PARAM_POSITIONAL))
        fprintf(out, "\\-\\-");
    print_name(out, p->name);
    fprintf(out, " %s\n", placeholder(p));
    print_help_text(out, p);
    fputc('\n', out);
}

void help_man(FILE *out)
{
    const akin_op *op;
    fprintf(out,
            ".TH AKIN 1 \"\" \"akin %s\" \"User Commands\"\n.SH NAME\nakin \\- a recommender "
            "engine\n.SH SYNOPSIS\n.B akin\n.I COMMAND\n[OPTION]...\n.SH DESCRIPTION\n"
            "Raw interaction logs in, evaluated recommendations out. Results go to standard "
            "output, everything else to standard error.\n.SH EVERY COMMAND\n",
            akin_version());
    for (size_t i = 0; i < N_COMMON; i++) {
        fprintf(out, ".TP\n.B ");
        man_text(out, common[i].flag);
        fprintf(out, "\n%s\n", common[i].help);
    }
    for (size_t i = 0; (op = akin_op_at(i)); i++) {
        fprintf(out, ".SH AKIN %s\n", op->name);
        man_text(out, op->summary);
        fputc('\n', out);
        for (size_t g = 0; g < op->n_groups; g++) {
            if (!op->groups[g].params->name)
                continue;
            fprintf(out, ".SS %s\n", op->groups[g].title);
            for (const akin_param *p = op->groups[g].params; p->name; p++)
                man_option(out, p);
        }
        fprintf(out, ".SS Example\n.nf\n");
        man_text(out, op->example);
        fprintf(out, "\n.fi\n");
    }
    fprintf(out, ".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage or input, 130 interrupted.\n");
}

static void completion_words(FILE *out, const akin_op *op)
{
    for (size_t g = 0; g < op->n_groups; g++) {
        for (const akin_param *p = op->groups[g].params; p->name; p++) {
            if (p->flags & (AKIN_PARAM_POSITIONAL | AKIN_PARAM_HIDDEN))
                continue;
            fprintf(out, " --");
            print_name(out, p->name);
        }
    }
    fprintf(out, " --json --threads --seed --isa --memory --quiet --verbose --help");
}

static void completion_bash(FILE *out)
{
    const akin_op *op;
    fprintf(out, "_akin() {\n  local cur=${COMP_WORDS[COMP_CWORD]}\n  if [ \"$COMP_CWORD\" = 1 ]; "
                 "then\n    COMPREPLY=($(compgen -W '");
    for (size_t i = 0; (op = akin_op_at(i)); i++)
        fprintf(out, "%s ", op->name);
    fprintf(out, "completion man help' -- \"$cur\"))\n    return\n  fi\n  local words=\n  case "
                 "${COMP_WORDS[1]} in\n");
    for (size_t i = 0; (op = akin_op_at(i)); i++) {
        fprintf(out, "  %s) words='", op->name);
        completion_words(out, op);
        fprintf(out, "' ;;\n");
    }
    fprintf(out, "  esac\n  case $cur in\n  -*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) "
                 ";;\n  *) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n  esac\n}\n"
                 "complete -o filenames -F _akin akin\n");
}

static void completion_fish(FILE *out)
{
    const akin_op *op;
    for (size_t i = 0; (op = akin_op_at(i)); i++) {
        fprintf(out, "complete -c akin -n __fish_use_subcommand -f -a %s -d '%s'\n", op->name,
                op->summary);
        for (size_t g = 0; g < op->n_groups; g++) {
            for (const akin_param *p = op->groups[g].params; p->name; p++) {
                if (p->flags & (AKIN_PARAM_POSITIONAL | AKIN_PARAM_HIDDEN))
                    continue;
                fprintf(out, "complete -c akin -n '__fish_seen_subcommand_from %s' -l ", op->name);
                print_name(out, p->name);
                fputc('\n', out);
            }
        }
    }
}

bool help_completion(FILE *out, const char *shell)
{
    if (strcmp(shell, "bash") == 0) {
        completion_bash(out);
    } else if (strcmp(shell, "zsh") == 0) {
        fprintf(out, "autoload -U +X bashcompinit && bashcompinit\n");
        completion_bash(out);
    } else if (strcmp(shell, "fish") == 0) {
        completion_fish(out);
    } else {
        return false;
    }
    return true;
}
