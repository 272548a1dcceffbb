/* Energies of one atom in the receptor on a lattice, looked up for a vector of points at once.
 *
 * A block of points lies over each cell of the receptor and is filled from exact pairs when a pose first comes there. Its
 * last points repeat the first ones of the next block, so that a lookup stays inside one block. Values do not depend on
 * who fills a block; each thread keeps a copy of what is filled, and looks at the shared one under a lock.
 */
#ifndef DISCO_VINA_MAPS_H
#define DISCO_VINA_MAPS_H

#include "vina_energy.h"

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

typedef struct {
    int32_t types, steps;       /* kinds of ligand atoms, at most 31; intervals along the edge of a block */
    int32_t block;              /* floats of a block: (steps + 1)^3 or more */
    const float *radius;        /* (types) */
    const int32_t *kind;        /* (types) */
    float *const *energy;       /* (types) of (cells, block) kcal/mol */
    uint8_t *const *filled;     /* (types) of (cells) */
} Maps;

INLINE vec gather(const float *from, ivec index) {
#if LANES == 16 && defined(__AVX512F__)
    return (vec)_mm512_i32gather_ps((__m512i)index, from, 4);
#elif LANES == 8 && defined(__AVX2__)
    return (vec)_mm256_i32gather_ps(from, (__m256i)index, 4);
#else
    vec found;
    for (int i = 0; i < LANES; i++) found[i] = from[index[i]];
    return found;
#endif
}

INLINE ivec gather_int(const int32_t *from, ivec index) {
#if LANES == 16 && defined(__AVX512F__)
    return (ivec)_mm512_i32gather_epi32((__m512i)index, from, 4);
#elif LANES == 8 && defined(__AVX2__)
    return (ivec)_mm256_i32gather_epi32(from, (__m256i)index, 4);
#else
    ivec found;
    for (int i = 0; i < LANES; i++) found[i] = from[index[i]];
    return found;
#endif
}

INLINE int any(ivec mask) {
#if LANES == 16 && defined(__AVX512F__)
    return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) != 0;
#elif LANES == 8 && defined(__AVX2__)
    return !_mm256_testz_si256((__m256i)mask, (__m256i)mask);
#else
    int32_t found = 0;
    for (int i = 0; i < LANES; i++) found |= mask[i];
    return found != 0;
#endif
}

static __attribute__((noinline)) void fill_block(const Terms *t, const Field *f, const Maps *m, int type, int cell) {
    const int side = m->steps + 1, points = side * side * side;
    const float spacing = f->edge / m->steps, radius = m->radius[type];
    const int kind = m->kind[type], partner = (kind & DONOR ? ACCEPTOR : 0) | (kind & ACCEPTOR ? DONOR : 0);
    float low[3], *out = m->energy[type] + (size_t)cell * m->block;
    for (int k = 2, left = cell; k >= 0; left /= f->cells[k--]) low[k] = f->origin[k] + f->edge * (left % f->cells[k]);
    for (int first = 0; first < points; first += LANES) {
        vec at[3], sum = {0};
        float middle[3] = {0, 0, 0}, reach = 0;
        for (int i = 0; i < LANES; i++) {
            const int p = least(first + i, points - 1), place[3] = {p / (side * side), p / side % side, p % side};
            for (int k = 0; k < 3; k++) middle[k] += (at[k][i] = low[k] + spacing * place[k]) / LANES;
        }
        for (int i = 0; i < LANES; i++) {
            float far = 0;
            for (int k = 0; k < 3; k++) far += (at[k][i] - middle[k]) * (at[k][i] - middle[k]);
            if (far > reach) reach = far;
        }
        reach = (t->cutoff + sqrtf(reach)) * (t->cutoff + sqrtf(reach)) * 1.0001f;
        for (int n = f->start[cell]; n < f->start[cell + 1]; n++) {
            const float x = f->x[n] - middle[0], y = f->y[n] - middle[1], z = f->z[n] - middle[2];
            if (x * x + y * y + z * z > reach) continue;
            const vec dx = at[0] - f->x[n], dy = at[1] - f->y[n], dz = at[2] - f->z[n];
            const int other = f->kind[n];
            const ivec none = {0};
            vec slope;
            sum += pair_energy(t, dx * dx + dy * dy + dz * dz, (vec){0} + (f->radius[n] + radius),
                               none - ((other & kind & HYDROPHOBIC) != 0), none - ((other & partner) != 0), &slope);
        }
        for (int i = 0; i < LANES && first + i < points; i++) out[first + i] = sum[i];
    }
}

/* Fills the blocks that lanes need and this thread does not know of. */
static __attribute__((noinline)) void fill_missing(const Terms *t, const Field *f, const Maps *m, int type, ivec cells,
                                                   int32_t *known) {
    for (int i = 0; i < LANES; i++) {
        const int cell = cells[i];
        if (known[cell] >> type & 1) continue;
#pragma omp critical(disco_vina_maps)
        if (!m->filled[type][cell]) {
            fill_block(t, f, m, type, cell);
            m->filled[type][cell] = 1;
        }
        known[cell] |= 1 << type;
    }
}

/* Energies at points relative to the field's corner, and their gradients: between the eight lattice points around. */
INLINE vec map_energy(const Terms *t, const Field *f, const Maps *m, int type, int32_t *known, const vec *at, vec *grad) {
    const int side = m->steps + 1;
    const float inverse = m->steps / f->edge, per = 1.0f / m->steps;
    vec share[3];
    ivec cell = {0}, inner = {0};
    for (int k = 0; k < 3; k++) {
        const vec zero = {0}, last = zero + (f->cells[k] * m->steps - 1e-3f);
        vec u = at[k] * inverse;
        u = choose(u > zero, u, zero);
        u = choose(u < last, u, last);
        const ivec whole = __builtin_convertvector(u, ivec);
        const vec floor = __builtin_convertvector(whole, vec);
        share[k] = u - floor;
        const ivec own = __builtin_convertvector((floor + 0.5f) * per, ivec);
        cell = cell * f->cells[k] + own;
        inner = inner * side + (whole - own * m->steps);
    }
    const ivec bits = gather_int(known, cell);
    if (__builtin_expect(any(~bits & ((ivec){0} + (1 << type))), 0)) fill_missing(t, f, m, type, cell, known);
    const float *map = m->energy[type];
    const ivec index = cell * m->block + inner;
    const int dx = side * side, dy = side;
    const vec a = gather(map, index), b = gather(map + 1, index), c = gather(map + dy, index), d = gather(map + dy + 1, index);
    map += dx;
    const vec e = gather(map, index), g = gather(map + 1, index), h = gather(map + dy, index), i = gather(map + dy + 1, index);
    const vec ab = b - a, cd = d - c, eg = g - e, hi = i - h;
    const vec low = a + share[2] * ab, high = c + share[2] * cd, low2 = e + share[2] * eg, high2 = h + share[2] * hi;
    const vec near = low + share[1] * (high - low), far = low2 + share[1] * (high2 - low2);
    const vec z1 = ab + share[1] * (cd - ab), z2 = eg + share[1] * (hi - eg);
    grad[0] = (far - near) * inverse;
    grad[1] = ((high - low) + share[0] * ((high2 - low2) - (high - low))) * inverse;
    grad[2] = (z1 + share[0] * (z2 - z1)) * inverse;
    return near + share[0] * (far - near);
}

#endif
