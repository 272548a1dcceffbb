/* Embeddings of edges: Gaussians of the distance, a hidden layer, an output layer.
 *
 *     out_e = W2 relu(W1 gauss(d_e) + T[target_e] + S[source_e] + K[kind_e]) + shift[target_e / per]
 *
 * Every edge is computed alone and its sums run in a fixed order, so a row does not depend on the other rows.
 */
#include "gemm.h"

#define ROWS 64

typedef struct {
    int32_t edges, gaussians, width, outputs, per; /* per: targets of one graph */
    float coefficient, spacing;                    /* exp(coefficient (d - n spacing)^2) */
    const float *distance;                         /* (edges) */
    const int32_t *target, *source, *kind;         /* (edges); kind may be NULL */
    const float *at_target, *at_source;            /* (nodes, width); at_source may be NULL */
    const float *at_kind;                          /* (kinds, width) */
    const float *first, *second;                   /* (gaussians, width), (width, outputs in whole vectors) */
    const float *shift;                            /* (graphs, outputs) */
    float *out;                                    /* (edges, outputs) */
} EdgeEmbedding;

/* exp of values in [-87, 0], relative error about 2e-7: 2^n times a polynomial on [-ln2/2, ln2/2]. */
INLINE vec exponential(vec x) {
    const vec low = (vec){0} - 87.0f;
    const ivec small = x < low;
    x = (vec)(((ivec)low & small) | ((ivec)x & ~small));
    const float log2e = 1.44269504088896341f, magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    const vec shifted = x * log2e + magic;
    const vec n = shifted - magic;
    const vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    vec p = (vec){0} + 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const ivec exponent = ((ivec)shifted - 0x4b400000 + 127) << 23;
    return p * (vec)exponent;
}

/* `gaussians` and `width` must be whole vectors. Returns 0, or 1 without memory. */
int disco_edge_embedding(const EdgeEmbedding *e, int threads) {
    const int width = e->width, gaussians = e->gaussians, outputs = e->outputs, wide = round_up(outputs, LANES);
    int failed = 0;
#pragma omp parallel num_threads(threads)
    {
        float *gauss = floats((size_t)ROWS * gaussians), *hidden = floats((size_t)ROWS * width), *result = floats((size_t)ROWS * wide);
        const int ready = gauss && hidden && result;
        if (!ready) {
#pragma omp atomic write
            failed = 1;
        }
#pragma omp for schedule(dynamic, 4)
        for (int first = 0; first < e->edges; first += ROWS) {
            if (!ready) continue;
            const int count = least(ROWS, e->edges - first);
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
            for (int n = 0; n < count; n++)
                memcpy(result + (size_t)n * wide, e->shift + (size_t)(e->target[first + n] / e->per) * outputs,
                       outputs * sizeof(float));
            const Product to_output = {1, width, width, 0, 1, 0, wide, wide};
            gemm(1, count, wide, &to_output, hidden, e->second, result);
            for (int n = 0; n < count; n++)
                memcpy(e->out + (size_t)(first + n) * outputs, result + (size_t)n * wide, outputs * sizeof(float));
        }
        free(gauss);
        free(hidden);
        free(result);
    }
    return failed;
}
