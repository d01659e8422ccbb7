/*
 * The floor under `akin serve`: libmicrohttpd with as many threads, answering a list's worth of
 * bytes to everything. What `akin serve` takes longer than this is akin's own. Prints its address
 * as `akin serve` does; ends at SIGTERM or SIGINT.
 *
 *   echo [--threads 2] [--bytes 700]
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>

static char answer_bytes[1 << 16];
static size_t answer_size = 700;

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **context)
{
    static int seen;
    (void)arg;
    (void)url;
    (void)method;
    (void)version;
    (void)data;
    if (!*context) {
        *context = &seen;
        return MHD_YES;
    }
    if (*size > 0) {
        *size = 0;
        return MHD_YES;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer_size, answer_bytes, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result done = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return done;
}

static long option(int argc, char **argv, const char *name, long otherwise)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return strtol(argv[i + 1], NULL, 10);
    }
    return otherwise;
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    long threads = option(argc, argv, "--threads", 2);
    long bytes = option(argc, argv, "--bytes", 700);
    sigset_t ends;
    int which;
    if (threads < 2 || threads > 64 || bytes < 0 || bytes > (long)sizeof answer_bytes) {
        fprintf(stderr, "echo: --threads 2..64, --bytes 0..%zu\n", sizeof answer_bytes);
        return 2;
    }
    answer_size = (size_t)bytes;
    memset(answer_bytes, 'x', sizeof answer_bytes);
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL); /* before the threads are made: theirs too */
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, NULL, MHD_OPTION_THREAD_POOL_SIZE,
        (unsigned)threads, MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "echo: the HTTP library does not start\n");
        return 1;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    printf("http://127.0.0.1:%d\n", info->port);
    fflush(stdout);
    sigwait(&ends, &which);
    MHD_stop_daemon(daemon);
    return 0;
}
