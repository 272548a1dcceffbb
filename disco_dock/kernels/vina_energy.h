/* The AutoDock Vina energy of one pose and its gradient on the atoms; exact pairs, no grid maps.
 *
 * The receptor's atoms are listed per cubic cell: all that a point of the cell can feel, in whole vectors, so that a ligand
 * atom runs through one contiguous list. A pose is computed by one thread and always in the same order.
 */
#ifndef DISCO_VINA_ENERGY_H
#define DISCO_VINA_ENERGY_H

#include <math.h>

#include "exponential.h"

enum { HYDROPHOBIC = 1, DONOR = 2, ACCEPTOR = 4 };

typedef struct {
    float gauss1, gauss2, repulsion, hydrophobic, hydrogen_bond; /* weights, kcal/mol */
    float gauss1_width, gauss2_centre, gauss2_width;             /* Angstrom between surfaces, as all below */
    float hydrophobic_good, hydrophobic_bad, bond_good, bond_bad;
    float cutoff; /* Angstrom between centres */
} Terms;

typedef struct {
    int32_t cells[3];
    float edge, origin[3];
    const int32_t *start; /* (cells + 1) first entry of each cell's list, multiples of LANES */
    const float *x, *y, *z, *radius;
    const int32_t *kind;
} Field;

typedef struct {
    int32_t atoms, torsions, pairs;       /* pairs in whole vectors */
    const float *radius;                  /* (atoms) */
    const int32_t *kind;                  /* (atoms) */
    const int32_t *pair_i, *pair_j;       /* (pairs) */
    const float *pair_radii;              /* (pairs) sum of radii; far below zero for padding */
    const int32_t *pair_kind;             /* (pairs) 1 both hydrophobic, 2 can bond */
    const int32_t *bonds;                 /* (torsions, 2) held, moved */
    const int32_t *moved_start, *moved;   /* (torsions + 1), atoms that turn with each bond */
} LigandModel;

typedef struct {
    double inter, intra;
} Energy;

INLINE vec choose(ivec mask, vec yes, vec no) { return (vec)((mask & (ivec)yes) | (~mask & (ivec)no)); }

/* 1 below `good`, 0 above `bad`, a line between; the slope is added to `slope`. */
INLINE vec ramp(vec d, float good, float bad, vec weight, vec *slope) {
    const vec zero = {0}, one = zero + 1.0f;
    const vec value = (bad - d) * (1 / (bad - good));
    const ivec between = (value > zero) & (value < one);
    *slope -= (vec)(between & (ivec)(weight * (1 / (bad - good))));
    return weight * choose(value < one, choose(value > zero, value, zero), one);
}

/* Energies of pairs at squared distances `r2`; `slope` becomes dE/dr divided by r. */
INLINE vec pair_energy(const Terms *t, vec r2, vec radii, ivec hydrophobic, ivec bonding, vec *slope) {
    const vec zero = {0};
    const ivec inside = r2 < t->cutoff * t->cutoff;
    r2 = choose(r2 > 1e-6f, r2, zero + 1e-6f);
    vec r;
    for (int i = 0; i < LANES; i++) r[i] = sqrtf(r2[i]);
    const vec d = r - radii;
    const vec u1 = d * (1 / t->gauss1_width), u2 = (d - t->gauss2_centre) * (1 / t->gauss2_width);
    const vec x1 = -u1 * u1, floor = zero - 80.0f; /* lower, and products are denormal numbers, which are slow */
    const vec g1 = exponential(choose(x1 > floor, x1, floor)) * t->gauss1, g2 = exponential(-u2 * u2) * t->gauss2;
    const vec overlap = choose(d < zero, d, zero);
    vec dr = u1 * g1 * (-2 / t->gauss1_width) + u2 * g2 * (-2 / t->gauss2_width) + overlap * (2 * t->repulsion);
    vec e = g1 + g2 + overlap * overlap * t->repulsion;
    e += ramp(d, t->hydrophobic_good, t->hydrophobic_bad, (vec)(hydrophobic & (ivec)(zero + t->hydrophobic)), &dr);
    e += ramp(d, t->bond_good, t->bond_bad, (vec)(bonding & (ivec)(zero + t->hydrogen_bond)), &dr);
    *slope = (vec)(inside & (ivec)(dr / r));
    return (vec)(inside & (ivec)e);
}

INLINE float total(vec v) {
    float sum = 0;
    for (int i = 0; i < LANES; i++) sum += v[i];
    return sum;
}

/* Softens a repulsive energy to at most `cap`; the factor of its gradient. */
INLINE float softened(float *e, float cap) {
    if (*e <= 0 || isinf(cap)) return 1;
    const float share = cap / (cap + *e);
    *e *= share;
    return share * share;
}

/* Which cell a point lies in, or -1 for one that feels no atom. */
INLINE int cell_of(const Field *f, const float *at) {
    int index = 0;
    for (int k = 0; k < 3; k++) {
        const float place = floorf((at[k] - f->origin[k]) / f->edge);
        if (!(place >= 0 && place < (float)f->cells[k])) return -1;
        index = index * f->cells[k] + (int)place;
    }
    return index;
}

INLINE double receptor_energy(const Terms *t, const Field *f, const LigandModel *l, const float *pos, float cap, float *grad) {
    double sum = 0;
    for (int a = 0; a < l->atoms; a++) {
        const float *at = pos + 3 * a;
        const int cell = cell_of(f, at);
        if (cell < 0) continue;
        const int kind = l->kind[a];
        const int partner = (kind & DONOR ? ACCEPTOR : 0) | (kind & ACCEPTOR ? DONOR : 0);
        vec e = {0}, gx = {0}, gy = {0}, gz = {0};
        for (int n = f->start[cell]; n < f->start[cell + 1]; n += LANES) {
            const vec dx = at[0] - *(const vec *)(f->x + n), dy = at[1] - *(const vec *)(f->y + n),
                      dz = at[2] - *(const vec *)(f->z + n);
            const ivec other = *(const ivec *)(f->kind + n);
            vec slope;
            e += pair_energy(t, dx * dx + dy * dy + dz * dz, *(const vec *)(f->radius + n) + l->radius[a],
                             (other & (kind & HYDROPHOBIC)) != 0, (other & partner) != 0, &slope);
            gx += dx * slope;
            gy += dy * slope;
            gz += dz * slope;
        }
        float own = total(e);
        const float scale = softened(&own, cap);
        sum += own;
        grad[3 * a] += scale * total(gx);
        grad[3 * a + 1] += scale * total(gy);
        grad[3 * a + 2] += scale * total(gz);
    }
    return sum;
}

INLINE double internal_energy(const Terms *t, const LigandModel *l, const float *pos, float cap, float *grad) {
    double sum = 0;
    for (int n = 0; n < l->pairs; n += LANES) {
        vec d[3];
        for (int i = 0; i < LANES; i++) {
            const float *a = pos + 3 * l->pair_i[n + i], *b = pos + 3 * l->pair_j[n + i];
            for (int k = 0; k < 3; k++) d[k][i] = a[k] - b[k];
        }
        const ivec kind = *(const ivec *)(l->pair_kind + n);
        vec slope, e = pair_energy(t, d[0] * d[0] + d[1] * d[1] + d[2] * d[2], *(const vec *)(l->pair_radii + n),
                                   (kind & 1) != 0, (kind & 2) != 0, &slope);
        for (int i = 0; i < LANES; i++) {
            float own = e[i];
            if (own == 0) continue;
            const float scale = softened(&own, cap) * slope[i];
            sum += own;
            float *ga = grad + 3 * l->pair_i[n + i], *gb = grad + 3 * l->pair_j[n + i];
            for (int k = 0; k < 3; k++) {
                ga[k] += scale * d[k][i];
                gb[k] -= scale * d[k][i];
            }
        }
    }
    return sum;
}

/* Energies of a pose and their gradient (atoms, 3), which is overwritten. */
INLINE Energy pose_energy(const Terms *t, const Field *f, const LigandModel *l, const float *pos, float cap, float *grad) {
    memset(grad, 0, 3 * l->atoms * sizeof(float));
    Energy e;
    e.inter = receptor_energy(t, f, l, pos, cap, grad);
    e.intra = internal_energy(t, l, pos, cap, grad);
    return e;
}

#endif
