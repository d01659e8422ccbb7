/* Runs a fuzz target over the files of its corpus, without a fuzzer: one program, many inputs. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static long n_files;

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "%s: cannot open\n", path);
        return 1;
    }
    size_t cap = 1 << 20;
    uint8_t *data = malloc(cap);
    size_t size = data ? fread(data, 1, cap, f) : 0;
    fclose(f);
    if (!data)
        return 1;
    /* an exact block, so that the sanitizer sees the first byte behind */
    uint8_t *exact = malloc(size ? size : 1);
    for (size_t i = 0; exact && i < size; i++)
        exact[i] = data[i];
    free(data);
    if (!exact)
        return 1;
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    n_files++;
    return 0;
}

static int run_path(const char *path)
{
    struct stat st;
    int rc = 0;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return run_file(path);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char name[4096];
        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        rc |= run_file(name);
    }
    if (dir)
        closedir(dir);
    return rc;
}

int main(int argc, char **argv)
{
    int rc = argc < 2;
    for (int i = 1; i < argc; i++)
        rc |= run_path(argv[i]);
    printf("%ld inputs\n", n_files);
    return rc || n_files == 0;
}
