/* Sums of messages between atoms at their targets; forward and backward.
 *
 *     value_p  = envelope_p silu(own[target_p] + other[source_p] + W features_p)
 *     (along_p, aside_p) = G value_p
 *     scalars[target_p] += value_p,   arrows[target_p][k] += along_p unit_p[k] + aside_p side_p[k]   for k = x, y, z
 *
 * Pairs are taken in their order, so that a sum is the same whatever other targets there are. Backward makes the
 * activations again.
 */
#include "exponential.h"

#define ROWS 64

typedef struct {
    int32_t pairs, features, width, vectors;  /* width and vectors in whole vector registers */
    const int64_t *target, *source;           /* (pairs) */
    const float *own, *other;                 /* (targets, width), (sources, width) */
    const float *weight, *gates;              /* (features, width), (2 vectors, width) */
    const float *opening;                     /* (width, 2 vectors), the gates transposed */
    const float *feature;                     /* (pairs, features) */
    const float *unit, *side, *envelope;      /* (pairs, 3), (pairs, 3), (pairs) */
} PairMessages;

typedef struct {
    float *own, *other, *weight, *gates; /* as above, added to */
} PairGradients;

INLINE vec sigmoid(vec x) {
    const ivec negative = x < 0;
    const vec down = (vec)((ivec)x & negative) - (vec)((ivec)x & ~negative); /* -|x| */
    const vec e = exponential(down);
    const vec above = 1.0f / (1.0f + e);
    const vec below = e * above;
    return (vec)(((ivec)below & negative) | ((ivec)above & ~negative));
}

/* What the activation is made of, for `count` pairs from `first` on. */
static void inputs(const PairMessages *m, int first, int count, float *x) {
    const int width = m->width;
    for (int n = 0; n < count; n++) {
        const float *own = m->own + (size_t)m->target[first + n] * width;
        const float *other = m->other + (size_t)m->source[first + n] * width;
        for (int a = 0; a < width; a += LANES)
            *(vec *)(x + (size_t)n * width + a) = *(const vec *)(own + a) + *(const vec *)(other + a);
    }
    const Product add = {1, m->features, m->features, 0, 1, 0, width, width};
    gemm(1, count, width, &add, m->feature + (size_t)first * m->features, m->weight, x);
}

/* scalars (targets, width) and arrows (targets, 3 vectors), both added to. Returns 0, or 1 without memory. */
int disco_pair_messages(const PairMessages *m, float *scalars, float *arrows) {
    const int width = m->width, vectors = m->vectors, both = 2 * vectors;
    float *x = floats((size_t)ROWS * width), *open = floats((size_t)ROWS * both);
    const int ready = x && open;
    for (int first = 0; ready && first < m->pairs; first += ROWS) {
        const int count = least(ROWS, m->pairs - first);
        inputs(m, first, count, x);
        for (int n = 0; n < count; n++) {
            float *sum = scalars + (size_t)m->target[first + n] * width, *own = x + (size_t)n * width;
            for (int a = 0; a < width; a += LANES) {
                const vec in = *(vec *)(own + a), value = in * sigmoid(in) * m->envelope[first + n];
                *(vec *)(own + a) = value;
                *(vec *)(sum + a) += value;
            }
        }
        const Product to_gates = {1, width, width, 0, 1, 0, both, both};
        gemm(0, count, both, &to_gates, x, m->opening, open);
        for (int n = 0; n < count; n++) {
            float *sum = arrows + (size_t)m->target[first + n] * 3 * vectors;
            const float *unit = m->unit + (size_t)(first + n) * 3, *side = m->side + (size_t)(first + n) * 3;
            for (int k = 0; k < 3; k++)
                for (int a = 0; a < vectors; a += LANES)
                    *(vec *)(sum + k * vectors + a) += *(vec *)(open + (size_t)n * both + a) * unit[k] +
                                                       *(vec *)(open + (size_t)n * both + vectors + a) * side[k];
        }
    }
    free(x), free(open);
    return !ready;
}

/* From gradients of the sums to those of the inputs. Returns 0, or 1 without memory. */
int disco_pair_messages_backward(const PairMessages *m, const float *scalars, const float *arrows, const PairGradients *g) {
    const int width = m->width, vectors = m->vectors, both = 2 * vectors;
    float *x = floats((size_t)ROWS * width), *slope = floats((size_t)ROWS * width), *value = floats((size_t)ROWS * width);
    float *open = floats((size_t)ROWS * both);
    const int ready = x && slope && value && open;
    for (int first = 0; ready && first < m->pairs; first += ROWS) {
        const int count = least(ROWS, m->pairs - first);
        inputs(m, first, count, x);
        for (int n = 0; n < count; n++) {
            const float envelope = m->envelope[first + n];
            for (int a = 0; a < width; a += LANES) {
                const size_t place = (size_t)n * width + a;
                const vec in = *(vec *)(x + place), s = sigmoid(in);
                *(vec *)(value + place) = in * s * envelope;
                *(vec *)(slope + place) = s * (1.0f + in * (1.0f - s)) * envelope;
                *(vec *)(x + place) = *(const vec *)(scalars + (size_t)m->target[first + n] * width + a);
            }
            const float *sum = arrows + (size_t)m->target[first + n] * 3 * vectors;
            const float *unit = m->unit + (size_t)(first + n) * 3, *side = m->side + (size_t)(first + n) * 3;
            for (int a = 0; a < vectors; a += LANES) {
                vec along = {0}, aside = {0};
                for (int k = 0; k < 3; k++) {
                    const vec push = *(const vec *)(sum + k * vectors + a);
                    along += push * unit[k];
                    aside += push * side[k];
                }
                *(vec *)(open + (size_t)n * both + a) = along;
                *(vec *)(open + (size_t)n * both + vectors + a) = aside;
            }
        }
        const Product from_gates = {1, both, both, 0, 1, 0, width, width};
        gemm(1, count, width, &from_gates, open, m->gates, x);
        for (size_t n = 0; n < (size_t)count * width; n += LANES) *(vec *)(x + n) *= *(vec *)(slope + n);
        for (int n = 0; n < count; n++) {
            float *own = g->own + (size_t)m->target[first + n] * width;
            float *other = g->other + (size_t)m->source[first + n] * width;
            for (int a = 0; a < width; a += LANES) {
                const vec part = *(vec *)(x + (size_t)n * width + a);
                *(vec *)(own + a) += part;
                *(vec *)(other + a) += part;
            }
        }
        const Product to_weight = {1, count, 1, 0, m->features, 0, width, width};
        gemm(1, m->features, width, &to_weight, m->feature + (size_t)first * m->features, x, g->weight);
        const Product to_gates = {1, count, 1, 0, both, 0, width, width};
        gemm(1, both, width, &to_gates, open, value, g->gates);
    }
    free(x), free(slope), free(value), free(open);
    return !ready;
}
