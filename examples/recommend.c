/*
 * akin as a library: read a ratings file, train, recommend.
 *
 *   cc recommend.c $(pkg-config --cflags --libs akin) -o recommend
 *   ./recommend ratings.csv USER_ID
 */
#include <akin/akin.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    akin_ctx *ctx = NULL;
    akin_dataset *data = NULL;
    akin_model *model = NULL;
    akin_item items[10];
    int64_t n = 0;
    akin_error err = {0};
    akin_query query = {0};
    if (argc != 3) {
        fprintf(stderr, "usage: %s ratings.csv USER_ID\n", argv[0]);
        return 2;
    }
    query.user_id = argv[2];
    query.k = 10;
    akin_status status = akin_ctx_create(NULL, &ctx, &err);
    if (status == AKIN_OK)
        status = akin_dataset_open(ctx, argv[1], NULL, &data, &err);
    if (status == AKIN_OK)
        status = akin_model_train(ctx, data, "ials", "{\"factors\": 32}", &model, &err);
    if (status == AKIN_OK)
        status = akin_recommend(model, &query, items, &n, &err);
    for (int64_t i = 0; i < n; i++)
        printf("%-12s %.4f\n", items[i].item_id, items[i].score);
    if (status != AKIN_OK)
        fprintf(stderr, "%s\n", err.message);
    akin_model_free(model);
    akin_dataset_free(data);
    akin_ctx_free(ctx);
    return akin_status_exit(status);
}
