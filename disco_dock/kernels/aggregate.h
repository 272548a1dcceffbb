/* Edges to aggregates: the edge network, the products, and their sum over the edges of a target. */
#ifndef DISCO_AGGREGATE_H
#define DISCO_AGGREGATE_H

#include "dropout.h"
#include "products.h"

#define EDGE_BLOCK 64

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

#endif
