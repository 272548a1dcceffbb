/* Channel counts of a convolution and where everything lies in memory.
 *
 * Feature parts are 0e | 1o x, y, z | 1e x, y, z | 0o; inside, every part is padded to 8 channels. Product channels: to 0e:
 * (0e, 1o.s), to each component of 1o: (0e s, 1o, 1e x s), of 1e: (1o x s, 1e, 0o s), to 0o: (1e.s, 0o).
 */
#ifndef DISCO_LAYOUT_H
#define DISCO_LAYOUT_H

#include "gemm.h"

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

/* The transpose of packing, for gradients: scalars from [row][k][o], vectors from [row][o][k]. */
void disco_unpack(const Sizes *s, const float *packed, const float *scale, float *const *weights);

#endif
