/* The equivariant convolution over an edge list, aggregated before it is transformed.
 *
 * For every target i with edges j, hidden activations h_ij = relu(E_ij + T_i + S_j) and product channels z_ij = x_j (x) (1, s_ij):
 *
 *     A_i[a, k] = sum_j (h_ij, 1)[a] z_ij[k],      out_i[o] = sum_{a,k} A_i[a, k] W[a, k, o].
 *
 * A_i stays in the cache of the core that makes it. Each target is computed alone and its edges are summed in order, so
 * outputs do not depend on the other targets nor on the number of threads.
 */
#include "aggregate.h"

#define TARGET_BLOCK 4

INLINE float total(vec value) {
    float sum = 0;
    for (int n = 0; n < LANES; n++) sum += value[n];
    return sum;
}

/* The three components of `outs` output vectors of one target: out[component * stride + o]. */
INLINE void vector_mix(const int outs, int rows, int k, ptrdiff_t w_row, int kv, const float *m, ptrdiff_t m_row, const float *w,
                       float *out, int stride) {
    vec sum[3][6];
#pragma GCC unroll 3
    for (int n = 0; n < 3; n++)
#pragma GCC unroll 6
        for (int o = 0; o < outs; o++) sum[n][o] = (vec){0};
    for (int row = 0; row < rows; row++)
        for (int at = 0; at < kv; at += LANES) {
            const float *from = m + row * m_row + at, *weight = w + row * w_row + at;
            const vec x = *(const vec *)from, y = *(const vec *)(from + k), z = *(const vec *)(from + 2 * k);
#pragma GCC unroll 6
            for (int o = 0; o < outs; o++) {
                const vec factor = *(const vec *)(weight + o * kv);
                sum[0][o] += x * factor;
                sum[1][o] += y * factor;
                sum[2][o] += z * factor;
            }
        }
#pragma GCC unroll 3
    for (int n = 0; n < 3; n++)
#pragma GCC unroll 6
        for (int o = 0; o < outs; o++) out[n * stride + o] = total(sum[n][o]);
}

static void vector_outputs(const Sizes *s, const Layout *l, int irrep, const float *packed, const float *m, float *out) {
    const int outs = s->out[irrep], k = l->k[irrep], kv = l->kv[irrep];
    const float *w = packed + l->w[irrep], *from = m + l->start[irrep];
    const ptrdiff_t w_row = (ptrdiff_t)outs * kv;
    for (int o = 0; o < outs;) {
        const int left = outs - o;
#if LANES == 16
        if (left >= 6) { vector_mix(6, l->rows, k, w_row, kv, from, l->z, w + o * kv, out + o, outs); o += 6; continue; }
#endif
        if (left >= 4) { vector_mix(4, l->rows, k, w_row, kv, from, l->z, w + o * kv, out + o, outs); o += 4; continue; }
        if (left >= 2) { vector_mix(2, l->rows, k, w_row, kv, from, l->z, w + o * kv, out + o, outs); o += 2; continue; }
        vector_mix(1, l->rows, k, w_row, kv, from, l->z, w + o * kv, out + o, outs);
        o += 1;
    }
}

/* out (targets, flat) of the targets listed in `rows`; the rows of others are left as they are. Returns 0, or 1 without memory. */
int disco_forward(const Sizes *s, const Edges *e, const Inputs *inputs, int sources, int targets, const int32_t *rows,
                  const float *packed, float *out, int threads) {
    const Layout l = layout(s);
    float *padded = floats((size_t)sources * l.x);
    if (!padded) return 1;
    pad_features(s, &l, sources, inputs->x, padded);
    Inputs in = *inputs;
    in.x = padded;
    int failed = 0;
#pragma omp parallel num_threads(threads)
    {
        Block block = new_block(EDGE_BLOCK, s->embedding, &l);
        float *m = floats(TARGET_BLOCK * l.m), *scalars = floats(TARGET_BLOCK * (size_t)(l.o[0] + l.o[3]));
        const int ready = block_ready(&block) && m && scalars;
        if (!ready) {
#pragma omp atomic write
            failed = 1;
        }
#pragma omp for schedule(dynamic, 1)
        for (int first = 0; first < targets; first += TARGET_BLOCK) {
            if (!ready) continue;
            const int count = least(TARGET_BLOCK, targets - first);
            for (int n = 0; n < count; n++) aggregate(s, &l, e, &in, rows[first + n], 0, &block, m + n * l.m);
            for (int i = 0; i < 4; i += 3) {
                if (!l.k[i]) continue;
                const Product p = {l.rows, l.k[i], l.m, l.z, 1, (ptrdiff_t)l.k[i] * l.o[i], l.o[i], l.o[0] + l.o[3]};
                gemm(0, count, l.o[i], &p, m + l.start[i], packed + l.w[i], scalars + (i ? l.o[0] : 0));
            }
            for (int n = 0; n < count; n++) {
                float *to = out + (size_t)rows[first + n] * l.flat_out;
                const float *from = scalars + n * (l.o[0] + l.o[3]);
                memcpy(to, from, s->out[0] * sizeof(float));
                to += s->out[0];
                for (int i = 1; i < 3; i++) {
                    if (l.k[i]) vector_outputs(s, &l, i, packed, m + n * l.m, to);
                    to += 3 * s->out[i];
                }
                memcpy(to, from + l.o[0], s->out[3] * sizeof(float));
            }
        }
        free_block(&block);
        free(m);
        free(scalars);
    }
    free(padded);
    return failed;
}
