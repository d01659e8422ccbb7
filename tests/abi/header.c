/* Compiled as strict C99 against the shared library only: the header is complete and clean. */
#include <akin/akin.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    int bad = 0;
    akin_error err;
    akin_ctx *ctx = NULL;
    bad += sizeof(akin_error) != 256;
    bad += sizeof(akin_ctx_options) != 4 * 8;
    bad += sizeof(akin_query) != 8 * 8;
    bad += strcmp(akin_version(), AKIN_VERSION) != 0;
    bad += akin_status_exit(AKIN_E_CANCELLED) != 130;
    bad += akin_ctx_create(NULL, &ctx, &err) != AKIN_OK;
    bad += akin_op_run(ctx, "no_such", NULL, NULL, &err) != AKIN_E_ARG;
    bad += strstr(err.message, "no_such") == NULL;
    akin_ctx_free(ctx);
    printf("abi_header: %d problems\n", bad);
    return bad != 0;
}
