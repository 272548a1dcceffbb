/* Embeddings of edges: Gaussians of the distance, a hidden layer, an output layer; forward and backward.
 *
 *     out_e = W2 relu(W1 gauss(d_e) + T[target_e] + S[source_e] + K[kind_e]) + shift[target_e / per]
 *
 * Every edge is computed alone and its sums run in a fixed order, so a row does not depend on the other rows. Backward makes
 * the activations again.
 */
#include "dropout.h"
#include "exponential.h"

#define ROWS 64

typedef struct {
    int32_t edges, gaussians, width, outputs, per;  /* gaussians and width in whole vectors; per: targets of a graph */
    int32_t graphs, targets, sources, kinds;        /* rows of shift, at_target, at_source, at_kind */
    float coefficient, spacing;                     /* exp(coefficient (d - n spacing)^2) */
    uint32_t seed;
    float dropout;                                  /* rate on the hidden layer */
    const float *distance;                          /* (edges) */
    const int32_t *target, *source, *kind;          /* (edges); kind may be NULL */
    const float *at_target, *at_source;             /* (nodes, width); at_source may be NULL */
    const float *at_kind;                           /* (kinds, width), or NULL */
    const float *first, *second;                    /* (gaussians, width), (width, outputs in whole vectors) */
    const float *shift;                             /* (graphs, outputs) */
} EdgeEmbedding;

/* Gaussians and hidden activations of `count` edges from `first` on. */
static void hidden_layer(const EdgeEmbedding *e, int first, int count, float *gauss, float *hidden) {
    const int width = e->width, gaussians = e->gaussians;
    for (int n = 0; n < count; n++) {
        const int edge = first + n;
        for (int g = 0; g < gaussians; g += LANES) {
            vec centre;
            for (int i = 0; i < LANES; i++) centre[i] = (float)(g + i) * e->spacing;
            const vec offset = e->distance[edge] - centre;
            *(vec *)(gauss + (size_t)n * gaussians + g) = exponential(offset * offset * e->coefficient);
        }
        float *h = hidden + (size_t)n * width;
        memcpy(h, e->at_target + (size_t)e->target[edge] * width, width * sizeof(float));
        for (int a = 0; a < width; a += LANES) {
            if (e->at_source) *(vec *)(h + a) += *(const vec *)(e->at_source + (size_t)e->source[edge] * width + a);
            if (e->kind) *(vec *)(h + a) += *(const vec *)(e->at_kind + (size_t)e->kind[edge] * width + a);
        }
    }
    const Product to_hidden = {1, gaussians, gaussians, 0, 1, 0, width, width};
    gemm(1, count, width, &to_hidden, gauss, e->first, hidden);
    for (size_t n = 0; n < (size_t)count * width; n += LANES) {
        const vec value = *(vec *)(hidden + n);
        *(vec *)(hidden + n) = (vec)((ivec)value & (value > 0));
    }
    if (e->dropout > 0)
        for (int n = 0; n < count; n++) drop(hidden + (size_t)n * width, width, (uint32_t)(first + n), e->seed, e->dropout);
}

/* out (edges, outputs). Returns 0, or 1 without memory. */
int disco_edge_embedding(const EdgeEmbedding *e, float *out, int threads) {
    const int width = e->width, outputs = e->outputs, wide = round_up(outputs, LANES);
    int failed = 0;
#pragma omp parallel num_threads(threads)
    {
        float *gauss = floats((size_t)ROWS * e->gaussians), *hidden = floats((size_t)ROWS * width);
        float *result = floats((size_t)ROWS * wide);
        const int ready = gauss && hidden && result;
        if (!ready) {
#pragma omp atomic write
            failed = 1;
        }
#pragma omp for schedule(dynamic, 4)
        for (int first = 0; first < e->edges; first += ROWS) {
            if (!ready) continue;
            const int count = least(ROWS, e->edges - first);
            hidden_layer(e, first, count, gauss, hidden);
            for (int n = 0; n < count; n++)
                memcpy(result + (size_t)n * wide, e->shift + (size_t)(e->target[first + n] / e->per) * outputs,
                       outputs * sizeof(float));
            const Product to_output = {1, width, width, 0, 1, 0, wide, wide};
            gemm(1, count, wide, &to_output, hidden, e->second, result);
            for (int n = 0; n < count; n++)
                memcpy(out + (size_t)(first + n) * outputs, result + (size_t)n * wide, outputs * sizeof(float));
        }
        free(gauss);
        free(hidden);
        free(result);
    }
    return failed;
}

/* Gradients of all that is not geometry, of the shapes that the forward pass takes; zeros at first. */
typedef struct {
    float *at_target, *at_source, *at_kind, *first, *second, *shift;
} Gradients;

static const int PARTS = 6;

static void part_sizes(const EdgeEmbedding *e, size_t *size) {
    size[0] = (size_t)e->targets * e->width;
    size[1] = e->at_source ? (size_t)e->sources * e->width : 0;
    size[2] = e->kind ? (size_t)e->kinds * e->width : 0;
    size[3] = (size_t)e->gaussians * e->width;
    size[4] = (size_t)e->width * round_up(e->outputs, LANES);
    size[5] = (size_t)e->graphs * e->outputs;
}

static Gradients parts_of(const EdgeEmbedding *e, float *memory) {
    size_t size[6];
    part_sizes(e, size);
    float *at[6];
    for (int n = 0; n < PARTS; n++) {
        at[n] = memory;
        memory += round_up((int)size[n], LANES);
    }
    return (Gradients){at[0], at[1], at[2], at[3], at[4], at[5]};
}

/* Gradients from those of the outputs, `g` (edges, outputs). Returns 0, or 1 without memory. */
int disco_edge_embedding_backward(const EdgeEmbedding *e, const float *g, const Gradients *out, int threads) {
    const int width = e->width, gaussians = e->gaussians, outputs = e->outputs, wide = round_up(outputs, LANES);
    size_t size[6], all = 0;
    part_sizes(e, size);
    for (int n = 0; n < PARTS; n++) all += round_up((int)size[n], LANES);
    float **sums = calloc(threads, sizeof(float *)), *second_t = floats((size_t)outputs * width);
    int failed = !sums || !second_t;
    if (!failed) {
        for (int a = 0; a < width; a++)
            for (int o = 0; o < outputs; o++) second_t[o * width + a] = e->second[a * wide + o];
        const int blocks = (e->edges + ROWS - 1) / ROWS;
        const float scale = e->dropout > 0 ? 1 / (1 - e->dropout) : 1;
#pragma omp parallel num_threads(threads)
        {
            const int team = omp_get_num_threads();
            float *gauss = floats((size_t)ROWS * gaussians), *hidden = floats((size_t)ROWS * width);
            float *result = floats((size_t)ROWS * wide), *dh = floats((size_t)ROWS * width);
            for (int share = omp_get_thread_num(); share < threads; share += team) {
                sums[share] = floats(all);
                if (!(gauss && hidden && result && dh && sums[share])) {
#pragma omp atomic write
                    failed = 1;
                    continue;
                }
                const Gradients mine = parts_of(e, sums[share]);
                const int from = (int)((int64_t)blocks * share / threads), to = (int)((int64_t)blocks * (share + 1) / threads);
                for (int first = from * ROWS; first < least(to * ROWS, e->edges); first += ROWS) {
                    const int count = least(ROWS, e->edges - first);
                    hidden_layer(e, first, count, gauss, hidden);
                    for (int n = 0; n < count; n++) {
                        const float *given = g + (size_t)(first + n) * outputs;
                        float *shift = mine.shift + (size_t)(e->target[first + n] / e->per) * outputs;
                        memcpy(result + (size_t)n * wide, given, outputs * sizeof(float));
                        for (int o = 0; o < outputs; o++) shift[o] += given[o];
                    }
                    const Product to_second = {1, count, 1, 0, width, 0, wide, wide};
                    gemm(1, width, wide, &to_second, hidden, result, mine.second);
                    const Product to_hidden = {1, outputs, wide, 0, 1, 0, width, width};
                    gemm(0, count, width, &to_hidden, result, second_t, dh);
                    for (int n = 0; n < count; n++) {
                        const int edge = first + n;
                        for (int a = 0; a < width; a += LANES) {
                            const vec active = (vec)((ivec)*(vec *)(dh + (size_t)n * width + a) &
                                                     (*(vec *)(hidden + (size_t)n * width + a) > 0)) * scale;
                            *(vec *)(dh + (size_t)n * width + a) = active;
                            *(vec *)(mine.at_target + (size_t)e->target[edge] * width + a) += active;
                            if (e->at_source) *(vec *)(mine.at_source + (size_t)e->source[edge] * width + a) += active;
                            if (e->kind) *(vec *)(mine.at_kind + (size_t)e->kind[edge] * width + a) += active;
                        }
                    }
                    const Product to_first = {1, count, 1, 0, gaussians, 0, width, width};
                    gemm(1, gaussians, width, &to_first, gauss, dh, mine.first);
                }
            }
            free(gauss);
            free(hidden);
            free(result);
            free(dh);
        }
        if (!failed) {
            float *const to[6] = {out->at_target, out->at_source, out->at_kind, out->first, out->second, out->shift};
            for (int t = 0; t < threads; t++) {
                const Gradients part = parts_of(e, sums[t]);
                const float *const from[6] = {part.at_target, part.at_source, part.at_kind, part.first, part.second, part.shift};
                for (int n = 0; n < PARTS; n++)
                    for (size_t i = 0; i < size[n]; i++) to[n][i] += from[n][i];
            }
        }
        for (int t = 0; t < threads; t++) free(sums[t]);
    }
    free(sums);
    free(second_t);
    return failed;
}
