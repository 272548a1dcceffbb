/* The equivariant convolution over an edge list, aggregated before it is transformed; forward and backward.
 *
 * For every target i with edges j, hidden activations h_ij = relu(E_ij + T_i + S_j) and product channels z_ij = x_j (x) (1, s_ij):
 *
 *     A_i[a, k] = sum_j (h_ij, 1)[a] z_ij[k],      out_i[o] = sum_{a,k} A_i[a, k] W[a, k, o].
 *
 * A_i stays in the cache of the core that makes it. Each target is computed alone and its edges are summed in order, so
 * outputs do not depend on the other targets nor on the number of threads; gradients of shared arrays (weights, sources)
 * are summed thread by thread and depend on their number.
 *
 * Layouts. Feature parts are 0e | 1o x, y, z | 1e x, y, z | 0o; inside, every part is padded to 8 channels. Product channels:
 * to 0e: (0e, 1o.s), to each component of 1o: (0e s, 1o, 1e x s), of 1e: (1o x s, 1e, 0o s), to 0o: (1e.s, 0o).
 */
#include "dropout.h"
#include "gemm.h"

#define EDGE_BLOCK 64
#define TARGET_BLOCK 4
#define GRADIENT_BLOCK 16
#define KEPT_EDGES 512 /* of a gradient block whose activations and products are not made twice */
#define SQRT3 1.7320508075688772f
#define SQRT2 1.4142135623730951f

typedef struct {
    int32_t in[4];    /* channels 0e, 1o, 1e, 0o of the sources */
    int32_t out[4];   /* channels of the messages */
    int32_t hidden;   /* activations of the edge network */
    int32_t embedding; /* width of edge embeddings */
} Sizes;

typedef struct {
    int p[4];       /* padded channels */
    int x;          /* floats of a padded source */
    int k[4];       /* product channels that feed each output irrep (padded) */
    int start[4];   /* where they begin in z */
    int used, z;    /* floats of z in use, and padded to whole vectors */
    int lanes;      /* hidden, padded */
    int rows;       /* hidden + 1 */
    int flat_out;   /* floats of an output */
    int o[4];       /* output channels as padded in the gradient */
    int g_start[4], g; /* where they begin in a padded gradient, and its size */
    int kv[4];      /* k padded to whole vectors */
    size_t w[4], wt[4], weights; /* where the packed weights begin; their size */
    size_t m;       /* floats of an aggregate */
} Layout;

static Layout layout(const Sizes *s) {
    Layout l;
    for (int i = 0; i < 4; i++) l.p[i] = round_up(s->in[i], 8);
    const int a = l.p[0], b = l.p[1], c = l.p[2], d = l.p[3];
    l.x = a + 3 * b + 3 * c + d;
    const int full[4] = {a + b, a + b + c, b + c + d, c + d};
    const int copies[4] = {1, 3, 3, 1};
    int at = 0, gradient = 0;
    size_t weight = 0;
    l.rows = s->hidden + 1;
    l.lanes = round_up(s->hidden, LANES);
    l.flat_out = s->out[0] + 3 * s->out[1] + 3 * s->out[2] + s->out[3];
    for (int i = 0; i < 4; i++) {
        l.k[i] = s->out[i] ? full[i] : 0;
        l.start[i] = at;
        at += copies[i] * l.k[i];
        l.kv[i] = round_up(l.k[i], LANES);
        l.o[i] = copies[i] == 1 ? round_up(s->out[i], LANES) : s->out[i];
        l.g_start[i] = gradient;
        gradient += copies[i] * l.o[i];
    }
    l.used = at;
    l.z = round_up(at, LANES);
    l.g = round_up(gradient, LANES);
    l.m = (size_t)l.rows * l.z + 2 * LANES;
    for (int i = 0; i < 4; i += 3) { /* scalars: [row][k][o] and transposed [row][o][k] */
        l.w[i] = weight;
        weight += (size_t)l.rows * l.k[i] * l.o[i] + LANES;
        l.wt[i] = weight;
        weight += (size_t)l.rows * s->out[i] * l.kv[i] + LANES;
    }
    for (int i = 1; i < 3; i++) { /* vectors: [row][o][k] serves both */
        l.w[i] = l.wt[i] = weight;
        weight += (size_t)l.rows * s->out[i] * l.kv[i] + LANES;
    }
    l.weights = weight;
    return l;
}

/* Which input irreps feed output irrep i, in the order of the weights. */
static const int FEEDS[4][3] = {{0, 1, -1}, {0, 1, 2}, {1, 2, 3}, {2, 3, -1}};

int disco_lanes(void) { return LANES; }

size_t disco_packed_size(const Sizes *s) { return layout(s).weights; }

/* Weights (rows, fan_in, fan_out) per output irrep, scaled and laid out for the products below; `packed` starts as zeros. */
void disco_pack(const Sizes *s, const float *const *weights, const float *scale, float *packed) {
    const Layout l = layout(s);
    for (int i = 0; i < 4; i++) {
        const int outs = s->out[i];
        const float *w = weights[i];
        if (!l.k[i]) continue;
        for (int row = 0; row < l.rows; row++) {
            int k = 0;
            for (int f = 0; f < 3 && FEEDS[i][f] >= 0; f++) {
                for (int n = 0; n < s->in[FEEDS[i][f]]; n++, w += outs)
                    for (int o = 0; o < outs; o++) {
                        const float value = w[o] * scale[i];
                        packed[l.wt[i] + ((size_t)row * outs + o) * l.kv[i] + k + n] = value;
                        if (i == 0 || i == 3) packed[l.w[i] + ((size_t)row * l.k[i] + k + n) * l.o[i] + o] = value;
                    }
                k += l.p[FEEDS[i][f]];
            }
        }
    }
}

/* The transpose of packing, for gradients: scalars from [row][k][o], vectors from [row][o][k]. */
static void unpack(const Sizes *s, const float *packed, const float *scale, float *const *weights) {
    const Layout l = layout(s);
    for (int i = 0; i < 4; i++) {
        const int outs = s->out[i], scalar = i == 0 || i == 3;
        float *w = weights[i];
        if (!l.k[i]) continue;
        for (int row = 0; row < l.rows; row++) {
            int k = 0;
            for (int f = 0; f < 3 && FEEDS[i][f] >= 0; f++) {
                for (int n = 0; n < s->in[FEEDS[i][f]]; n++, w += outs)
                    for (int o = 0; o < outs; o++)
                        w[o] = scale[i] * (scalar ? packed[l.w[i] + ((size_t)row * l.k[i] + k + n) * l.o[i] + o]
                                                  : packed[l.wt[i] + ((size_t)row * outs + o) * l.kv[i] + k + n]);
                k += l.p[FEEDS[i][f]];
            }
        }
    }
}

static void pad_features(const Sizes *s, const Layout *l, int nodes, const float *flat, float *padded) {
    static const int parts[8] = {0, 1, 1, 1, 2, 2, 2, 3};
    for (int n = 0; n < nodes; n++)
        for (int i = 0; i < 8; i++) {
            const int part = parts[i];
            memcpy(padded, flat, s->in[part] * sizeof(float));
            flat += s->in[part];
            padded += l->p[part];
        }
}

static void strip_features(const Sizes *s, const Layout *l, int nodes, const float *padded, float *flat) {
    static const int parts[8] = {0, 1, 1, 1, 2, 2, 2, 3};
    for (int n = 0; n < nodes; n++)
        for (int i = 0; i < 8; i++) {
            const int part = parts[i];
            memcpy(flat, padded, s->in[part] * sizeof(float));
            flat += s->in[part];
            padded += l->p[part];
        }
}

#define AT8(pointer) (*(vec8 *)(pointer))

/* z = x (x) (1, s). */
INLINE void products(const Layout *l, const float *x, const float *s, float *z) {
    const int a = l->p[0], b = l->p[1], c = l->p[2], d = l->p[3];
    const float *v = x + a, *p = v + 3 * b, *q = p + 3 * c;
    const float s0 = s[0], s1 = s[1], s2 = s[2];
    if (l->k[0]) {
        float *to = z;
        for (int i = 0; i < a; i += 8) AT8(to + i) = AT8(x + i);
        for (int i = 0; i < b; i += 8)
            AT8(to + a + i) = (AT8(v + i) * s0 + AT8(v + b + i) * s1 + AT8(v + 2 * b + i) * s2) * (1 / SQRT3);
    }
    if (l->k[1])
        for (int n = 0; n < 3; n++) {
            float *to = z + l->start[1] + n * l->k[1];
            const int i1 = (n + 1) % 3, i2 = (n + 2) % 3;
            const float sn = s[n], si = s[i1] * (1 / SQRT2), sj = s[i2] * (1 / SQRT2);
            for (int i = 0; i < a; i += 8) AT8(to + i) = AT8(x + i) * sn;
            for (int i = 0; i < b; i += 8) AT8(to + a + i) = AT8(v + n * b + i);
            for (int i = 0; i < c; i += 8) AT8(to + a + b + i) = AT8(p + i1 * c + i) * sj - AT8(p + i2 * c + i) * si;
        }
    if (l->k[2])
        for (int n = 0; n < 3; n++) {
            float *to = z + l->start[2] + n * l->k[2];
            const int i1 = (n + 1) % 3, i2 = (n + 2) % 3;
            const float sn = s[n], si = s[i1] * (1 / SQRT2), sj = s[i2] * (1 / SQRT2);
            for (int i = 0; i < b; i += 8) AT8(to + i) = AT8(v + i1 * b + i) * sj - AT8(v + i2 * b + i) * si;
            for (int i = 0; i < c; i += 8) AT8(to + b + i) = AT8(p + n * c + i);
            for (int i = 0; i < d; i += 8) AT8(to + b + c + i) = AT8(q + i) * sn;
        }
    if (l->k[3]) {
        float *to = z + l->start[3];
        for (int i = 0; i < c; i += 8)
            AT8(to + i) = (AT8(p + i) * s0 + AT8(p + c + i) * s1 + AT8(p + 2 * c + i) * s2) * (1 / SQRT3);
        for (int i = 0; i < d; i += 8) AT8(to + c + i) = AT8(q + i);
    }
}

/* Adds to dx the gradient that dz gives it. */
INLINE void products_backward(const Layout *l, const float *dz, const float *s, float *dx) {
    const int a = l->p[0], b = l->p[1], c = l->p[2], d = l->p[3];
    float *dv = dx + a, *dp = dv + 3 * b, *dq = dp + 3 * c;
    if (l->k[0]) {
        const float *from = dz;
        for (int i = 0; i < a; i += 8) AT8(dx + i) += AT8(from + i);
        for (int n = 0; n < 3; n++)
            for (int i = 0; i < b; i += 8) AT8(dv + n * b + i) += AT8(from + a + i) * (s[n] * (1 / SQRT3));
    }
    if (l->k[1])
        for (int n = 0; n < 3; n++) {
            const float *from = dz + l->start[1] + n * l->k[1];
            const int i1 = (n + 1) % 3, i2 = (n + 2) % 3;
            const float sn = s[n], si = s[i1] * (1 / SQRT2), sj = s[i2] * (1 / SQRT2);
            for (int i = 0; i < a; i += 8) AT8(dx + i) += AT8(from + i) * sn;
            for (int i = 0; i < b; i += 8) AT8(dv + n * b + i) += AT8(from + a + i);
            for (int i = 0; i < c; i += 8) {
                const vec8 g = AT8(from + a + b + i);
                AT8(dp + i1 * c + i) += g * sj;
                AT8(dp + i2 * c + i) -= g * si;
            }
        }
    if (l->k[2])
        for (int n = 0; n < 3; n++) {
            const float *from = dz + l->start[2] + n * l->k[2];
            const int i1 = (n + 1) % 3, i2 = (n + 2) % 3;
            const float sn = s[n], si = s[i1] * (1 / SQRT2), sj = s[i2] * (1 / SQRT2);
            for (int i = 0; i < b; i += 8) {
                const vec8 g = AT8(from + i);
                AT8(dv + i1 * b + i) += g * sj;
                AT8(dv + i2 * b + i) -= g * si;
            }
            for (int i = 0; i < c; i += 8) AT8(dp + n * c + i) += AT8(from + b + i);
            for (int i = 0; i < d; i += 8) AT8(dq + i) += AT8(from + b + c + i) * sn;
        }
    if (l->k[3]) {
        const float *from = dz + l->start[3];
        for (int n = 0; n < 3; n++)
            for (int i = 0; i < c; i += 8) AT8(dp + n * c + i) += AT8(from + i) * (s[n] * (1 / SQRT3));
        for (int i = 0; i < d; i += 8) AT8(dq + i) += AT8(from + c + i);
    }
}

/* Edges of one kind, sorted by target. Edge e of the list has source[e] and the geometry and embedding of row[e]. */
typedef struct {
    const int32_t *start;  /* (targets + 1) first edge of each target */
    const int32_t *source; /* (edges) */
    const int32_t *row;    /* (edges) row of sh and embedding */
    const float *sh;       /* (rows, 3) sqrt(3) times the unit vector */
    const float *embedding; /* (rows, width) */
} Edges;

/* What the edge network and the products need. */
typedef struct {
    const float *at_target; /* (targets, lanes) T, with the bias */
    const float *at_source; /* (sources, lanes) S */
    const float *weight;    /* (embedding, lanes) first layer's edge part, transposed */
    const float *x;         /* (sources, x) padded features */
    uint32_t seed;          /* of the dropout */
    float dropout;          /* rate, 0 in evaluation */
} Inputs;

typedef struct {
    float *embedding, *hidden, *z;
} Block;

static Block block_from(const Sizes *s, const Layout *l, const Block *block, int edge) {
    return (Block){block->embedding + (size_t)edge * s->embedding, block->hidden + (size_t)edge * l->lanes,
                   block->z + (size_t)edge * l->z};
}

static Block new_block(int edges, int embedding, const Layout *l) {
    return (Block){floats((size_t)edges * embedding), floats((size_t)edges * l->lanes), floats((size_t)edges * l->z)};
}

static int block_ready(const Block *block) { return block->embedding && block->hidden && block->z; }

static void free_block(Block *block) {
    free(block->embedding);
    free(block->hidden);
    free(block->z);
}

/* Hidden activations and products of `count` edges from `first` on. */
static void edge_block(const Sizes *s, const Layout *l, const Edges *e, const Inputs *in, int target, int first, int count,
                       const Block *block) {
    const int width = s->embedding, lanes = l->lanes;
    const float *t = in->at_target + (size_t)target * lanes;
    for (int n = 0; n < count; n++) {
        const int32_t row = e->row[first + n];
        const float *source = in->at_source + (size_t)e->source[first + n] * lanes;
        float *h = block->hidden + (size_t)n * lanes;
        memcpy(block->embedding + (size_t)n * width, e->embedding + (size_t)row * width, width * sizeof(float));
        for (int a = 0; a < lanes; a += LANES) *(vec *)(h + a) = *(const vec *)(t + a) + *(const vec *)(source + a);
    }
    const Product p = {1, width, width, 0, 1, 0, lanes, lanes};
    gemm(1, count, lanes, &p, block->embedding, in->weight, block->hidden);
    for (int n = 0; n < count; n++) {
        float *h = block->hidden + (size_t)n * lanes;
        for (int a = 0; a < lanes; a += LANES) {
            const vec value = *(vec *)(h + a);
            *(vec *)(h + a) = (vec)((ivec)value & (value > 0));
        }
        if (in->dropout > 0) drop(h, lanes, (uint32_t)(first + n), in->seed, in->dropout);
        products(l, in->x + (size_t)e->source[first + n] * l->x, e->sh + 3 * (size_t)e->row[first + n],
                 block->z + (size_t)n * l->z);
    }
}

/* A_i. Edges after edges go to consecutive places of the block if it shall `keep` them, else all to its beginning. */
static void aggregate(const Sizes *s, const Layout *l, const Edges *e, const Inputs *in, int target, int keep,
                      const Block *all, float *m) {
    float *constant = m + (size_t)s->hidden * l->z;
    memset(constant, 0, l->z * sizeof(float));
    const int begin = e->start[target], end = e->start[target + 1];
    if (begin == end) {
        memset(m, 0, (size_t)s->hidden * l->z * sizeof(float));
        return;
    }
    for (int first = begin; first < end; first += EDGE_BLOCK) {
        const int count = least(EDGE_BLOCK, end - first);
        const Block block = block_from(s, l, all, keep ? first - begin : 0);
        edge_block(s, l, e, in, target, first, count, &block);
        for (int n = 0; n < count; n++)
            for (int k = 0; k < l->z; k += LANES) *(vec *)(constant + k) += *(vec *)(block.z + (size_t)n * l->z + k);
        const Product p = {1, count, 1, 0, l->lanes, 0, l->z, l->z};
        gemm(first > begin, s->hidden, l->z, &p, block.hidden, block.z, m);
    }
}

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

/* Gradients of everything but the geometry. */
typedef struct {
    float *weights[4];  /* as given to disco_pack */
    float *edge_weight; /* (embedding, lanes) */
    float *embedding;   /* (rows, width), of rows in use */
    float *at_target;   /* (targets, lanes) */
    float *at_source;   /* (sources, lanes), zeros at first */
    float *x;           /* (sources, flat), zeros at first */
} Gradients;

/* What a thread sums for itself. */
typedef struct {
    float *weights, *edge_weight, *at_source, *x;
} Sums;

static void transpose(const float *from, ptrdiff_t from_row, int rows, int columns, float *to, ptrdiff_t to_row) {
    for (int r = 0; r < rows; r += 8)
        for (int c = 0; c < columns; c += 16) {
            const int last = least(r + 8, rows), end = least(c + 16, columns);
            for (int j = c; j < end; j++)
                for (int i = r; i < last; i++) to[j * to_row + i] = from[i * from_row + j];
        }
}

/* Adds what the targets of a block give to the weights' gradient; g are padded gradients, m aggregates. */
static void weight_gradient(const Sizes *s, const Layout *l, int count, const float *m, const float *g, float *sum) {
    for (int row = 0; row < l->rows; row++) {
        for (int i = 0; i < 4; i += 3) {
            if (!l->k[i]) continue;
            const Product p = {1, count, 1, 0, l->m, 0, l->g, l->o[i]};
            gemm(1, l->k[i], l->o[i], &p, m + (size_t)row * l->z + l->start[i], g + l->g_start[i],
                 sum + l->w[i] + (size_t)row * l->k[i] * l->o[i]);
        }
        for (int i = 1; i < 3; i++) {
            if (!l->k[i]) continue;
            const Product p = {count, 3, 1, l->g, l->o[i], l->m, l->k[i], l->kv[i]};
            gemm(1, s->out[i], l->kv[i], &p, g + l->g_start[i], m + (size_t)row * l->z + l->start[i],
                 sum + l->w[i] + (size_t)row * s->out[i] * l->kv[i]);
        }
    }
}

/* Gradients of the aggregates, written over them; sections are written in order, since each may overrun into the next. */
static void aggregate_gradient(const Sizes *s, const Layout *l, int count, const float *packed, const float *g, float *m) {
    for (int row = 0; row < l->rows; row++)
        for (int i = 0; i < 4; i++) {
            if (!l->k[i]) continue;
            const int vector = i == 1 || i == 2;
            const Product p = {1, s->out[i], l->g, 0, 1, 0, l->kv[i], l->m};
            for (int n = 0; n < (vector ? 3 : 1); n++)
                gemm(0, count, l->k[i], &p, g + l->g_start[i] + n * l->o[i],
                     packed + l->wt[i] + (size_t)row * s->out[i] * l->kv[i],
                     m + (size_t)row * l->z + l->start[i] + n * l->k[i]);
        }
}

static void pad_gradient(const Sizes *s, const Layout *l, const float *flat, float *g) {
    const int copies[4] = {1, 3, 3, 1};
    for (int i = 0; i < 4; i++) {
        memcpy(g + l->g_start[i], flat, copies[i] * s->out[i] * sizeof(float));
        flat += copies[i] * s->out[i];
    }
}

/* Gradients of a target's edges from that of its aggregate; `kept` says that the block has their activations. */
static void edge_gradients(const Sizes *s, const Layout *l, const Edges *e, const Inputs *in, int target, const float *dm,
                           float *dmt, const float *weight_t, int kept, const Block *all, Block *gradient, Gradients *out,
                           Sums *sums) {
    const int lanes = l->lanes, width = s->embedding, wide = round_up(width, LANES);
    const int begin = e->start[target], end = e->start[target + 1];
    const float *constant = dm + (size_t)s->hidden * l->z;
    const float scale = in->dropout > 0 ? 1 / (1 - in->dropout) : 1;
    float *dt = out->at_target + (size_t)target * lanes;
    memset(dt, 0, lanes * sizeof(float));
    if (begin < end) transpose(dm, l->z, s->hidden, l->used, dmt, lanes);
    for (int first = begin; first < end; first += EDGE_BLOCK) {
        const int count = least(EDGE_BLOCK, end - first);
        const Block block = block_from(s, l, all, kept ? first - begin : 0);
        if (!kept) edge_block(s, l, e, in, target, first, count, &block);
        const Product to_hidden = {1, l->used, l->z, 0, 1, 0, lanes, lanes};
        gemm(0, count, lanes, &to_hidden, block.z, dmt, gradient->hidden);
        for (int n = 0; n < count; n++)
            memcpy(gradient->z + (size_t)n * l->z, constant, l->z * sizeof(float));
        const Product to_z = {1, s->hidden, lanes, 0, 1, 0, l->z, l->z};
        gemm(1, count, l->z, &to_z, block.hidden, dm, gradient->z);
        for (int n = 0; n < count; n++) {
            float *dh = gradient->hidden + (size_t)n * lanes;
            const float *h = block.hidden + (size_t)n * lanes;
            float *ds = sums->at_source + (size_t)e->source[first + n] * lanes;
            for (int a = 0; a < lanes; a += LANES) {
                vec value = *(vec *)(dh + a);
                value = (vec)((ivec)value & (*(const vec *)(h + a) > 0)) * scale;
                *(vec *)(dh + a) = value;
                *(vec *)(dt + a) += value;
                *(vec *)(ds + a) += value;
            }
            products_backward(l, gradient->z + (size_t)n * l->z, e->sh + 3 * (size_t)e->row[first + n],
                              sums->x + (size_t)e->source[first + n] * l->x);
        }
        const Product to_embedding = {1, lanes, lanes, 0, 1, 0, wide, wide};
        gemm(0, count, wide, &to_embedding, gradient->hidden, weight_t, gradient->embedding);
        for (int n = 0; n < count; n++)
            memcpy(out->embedding + (size_t)e->row[first + n] * width, gradient->embedding + (size_t)n * wide,
                   width * sizeof(float));
        const Product to_weight = {1, count, 1, 0, width, 0, lanes, lanes};
        gemm(1, width, lanes, &to_weight, block.embedding, gradient->hidden, sums->edge_weight);
    }
}

static void add_up(float *to, const float *from, size_t count) {
    for (size_t n = 0; n < count; n++) to[n] += from[n];
}

/* Gradients from those of the outputs, `g` (targets, flat), for the targets listed in `rows`. Returns 0, or 1 without memory. */
int disco_backward(const Sizes *s, const Edges *e, const Inputs *inputs, int sources, int targets, const int32_t *rows,
                   const float *packed, const float *scale, const float *g, Gradients *out, int threads) {
    const Layout l = layout(s);
    const int lanes = l.lanes, width = s->embedding, wide = round_up(width, LANES);
    float *padded = floats((size_t)sources * l.x), *weight_t = floats((size_t)lanes * wide);
    Sums *sums = calloc(threads, sizeof(Sums));
    int *bound = calloc(threads + 1, sizeof(int));
    int failed = !padded || !weight_t || !sums || !bound;
    if (!failed) {
        pad_features(s, &l, sources, inputs->x, padded);
        for (int q = 0; q < width; q++)
            for (int a = 0; a < lanes; a++) weight_t[a * wide + q] = inputs->weight[q * lanes + a];
        /* contiguous shares of about equal work: an edge counts 1, a target as much as 24 edges */
        int64_t total_work = 0, done = 0;
        for (int n = 0; n < targets; n++) total_work += 24 + e->start[rows[n] + 1] - e->start[rows[n]];
        for (int n = 0, t = 1; n < targets; n++) {
            done += 24 + e->start[rows[n] + 1] - e->start[rows[n]];
            while (t < threads && done * threads >= total_work * t) bound[t++] = n + 1;
        }
        bound[threads] = targets;
    }
    Inputs in = *inputs;
    in.x = padded;
    if (!failed) {
#pragma omp parallel num_threads(threads)
        {
            const int team = omp_get_num_threads();
            Block block = new_block(KEPT_EDGES + EDGE_BLOCK, width, &l), gradient = new_block(EDGE_BLOCK, wide, &l);
            float *m = floats(GRADIENT_BLOCK * l.m), *gp = floats((size_t)GRADIENT_BLOCK * l.g), *dmt = floats((size_t)l.z * lanes);
            for (int share = omp_get_thread_num(); share < threads; share += team) {
                Sums mine = {floats(l.weights), floats((size_t)width * lanes), floats((size_t)sources * lanes),
                             floats((size_t)sources * l.x)};
                sums[share] = mine;
                if (!(block_ready(&block) && block_ready(&gradient) && m && gp && dmt && mine.weights && mine.edge_weight &&
                      mine.at_source && mine.x)) {
#pragma omp atomic write
                    failed = 1;
                    continue;
                }
                for (int first = bound[share], count; first < bound[share + 1]; first += count) {
                    int edges = 0, at[GRADIENT_BLOCK]; /* where the edges of each target are kept */
                    for (count = 0; count < GRADIENT_BLOCK && first + count < bound[share + 1]; count++) {
                        const int more = e->start[rows[first + count] + 1] - e->start[rows[first + count]];
                        if (count && edges + more > KEPT_EDGES) break;
                        at[count] = edges;
                        edges += more;
                    }
                    const int keep = edges <= KEPT_EDGES;
                    for (int n = 0; n < count; n++) {
                        const Block own = block_from(s, &l, &block, keep ? at[n] : 0);
                        pad_gradient(s, &l, g + (size_t)rows[first + n] * l.flat_out, gp + (size_t)n * l.g);
                        aggregate(s, &l, e, &in, rows[first + n], keep, &own, m + n * l.m);
                    }
                    weight_gradient(s, &l, count, m, gp, mine.weights);
                    aggregate_gradient(s, &l, count, packed, gp, m);
                    for (int n = 0; n < count; n++) {
                        const Block own = block_from(s, &l, &block, keep ? at[n] : 0);
                        edge_gradients(s, &l, e, &in, rows[first + n], m + n * l.m, dmt, weight_t, keep, &own, &gradient, out,
                                       &mine);
                    }
                }
            }
            free_block(&block);
            free_block(&gradient);
            free(m);
            free(gp);
            free(dmt);
        }
        if (!failed) {
            for (int t = 1; t < threads; t++) {
                add_up(sums[0].weights, sums[t].weights, l.weights);
                add_up(sums[0].edge_weight, sums[t].edge_weight, (size_t)width * lanes);
                add_up(sums[0].at_source, sums[t].at_source, (size_t)sources * lanes);
                add_up(sums[0].x, sums[t].x, (size_t)sources * l.x);
            }
            unpack(s, sums[0].weights, scale, out->weights);
            memcpy(out->edge_weight, sums[0].edge_weight, (size_t)width * lanes * sizeof(float));
            memcpy(out->at_source, sums[0].at_source, (size_t)sources * lanes * sizeof(float));
            strip_features(s, &l, sources, sums[0].x, out->x);
        }
        for (int t = 0; t < threads; t++) {
            free(sums[t].weights);
            free(sums[t].edge_weight);
            free(sums[t].at_source);
            free(sums[t].x);
        }
    }
    free(padded);
    free(weight_t);
    free(sums);
    free(bound);
    return failed;
}
