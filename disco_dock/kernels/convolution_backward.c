/* Gradients of the convolution. The aggregates are made again; the gradients of shared arrays (weights, sources) are summed
 * thread by thread, so their last bits depend on the number of threads.
 */
#include "aggregate.h"

#define GRADIENT_BLOCK 16
#define KEPT_EDGES 512 /* of a gradient block whose activations and products are not made twice */

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
            disco_unpack(s, sums[0].weights, scale, out->weights);
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
