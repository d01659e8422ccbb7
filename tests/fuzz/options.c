/*
 * Settings of the sanitizer for the libFuzzer programs. Its default keeps 256 MiB of freed blocks,
 * which a fuzzer touches one after another and misses in the cache; an input needs far less.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "quarantine_size_mb=8:malloc_context_size=12";
}
