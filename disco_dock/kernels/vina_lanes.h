/* One pose of a ligand in each lane of a vector: positions from a conformer, energy on the maps, gradient by its moves.
 *
 * A pose is a position of the conformer's centroid (as of a point that is fixed to the root), a quaternion of the root, and
 * angles of torsions; the ligand is a tree of rigid fragments. No lane feels another: a pose is the same bits whatever
 * its company.
 */
#ifndef DISCO_VINA_LANES_H
#define DISCO_VINA_LANES_H

#include "vina_maps.h"

typedef struct {
    int32_t fragments;         /* torsions + 1; the root is 0, parents come before their children */
    const int32_t *parent;     /* (fragments) */
    const int32_t *torsion;    /* (fragments) which turns it, -1 for the root */
    const int32_t *start;      /* (fragments + 1) into atoms */
    const int32_t *atoms;      /* by fragment */
    const int32_t *map;        /* (atoms) kind of each atom in the maps */
} Tree;

typedef struct {
    const Terms *terms;
    const Field *field;
    const LigandModel *ligand;
    const Tree *tree;
    const Maps *maps;
    int32_t *known;            /* (cells) bits of maps that are filled */
    int pairs;                 /* without padding */
    float centre[3], radius, wall;
    vec *local;                /* (atoms, 3) from the pivot of the atom's fragment, unturned */
    vec *offset, *axis;        /* (fragments, 3) of the pivot from the parent's, and of its bond, unturned */
    vec *pos, *force;          /* (atoms, 3), positions from the root's pivot */
    vec *frame, *at, *turned;  /* (fragments, 9), (fragments, 3) pivots from the root's, (fragments, 3) axes */
    vec *push, *torque;        /* (fragments, 3) */
} Lanes;

INLINE vec root(vec x) {
    vec r;
    for (int i = 0; i < LANES; i++) r[i] = sqrtf(x[i]);
    return r;
}

/* Sine and cosine, error about 1e-7 for angles below a thousand turns. Source of the polynomials: Cephes (Moshier). */
INLINE void sine_cosine(vec x, vec *sine, vec *cosine) {
    const float magic = 12582912.0f;
    const vec shifted = x * 0.636619772367581343f + magic;
    const vec n = shifted - magic;
    const ivec quarter = (ivec)shifted;
    const vec r = ((x - n * 1.5703125f) - n * 4.837512969970703125e-4f) - n * 7.54978995489188e-8f;
    const vec z = r * r;
    const vec s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * r + r;
    const vec c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z + 1.0f;
    const ivec swap = -(quarter & 1), sign_s = (quarter & 2) << 30, sign_c = ((quarter + 1) & 2) << 30;
    *sine = (vec)((ivec)choose(swap, c, s) ^ sign_s);
    *cosine = (vec)((ivec)choose(swap, s, c) ^ sign_c);
}

INLINE void cross(const vec *a, const vec *b, vec *out) {
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

INLINE void apply(const vec *frame, const vec *v, vec *out) {
    for (int k = 0; k < 3; k++) out[k] = frame[3 * k] * v[0] + frame[3 * k + 1] * v[1] + frame[3 * k + 2] * v[2];
}

/* A pose moved by alpha times (translation, rotation vector, torsions by fragment). */
INLINE void step_pose(int fragments, const vec *from, const vec *step, vec alpha, vec *to) {
    vec turn[3], q[4], squared = {0}, sine, cosine;
    for (int k = 0; k < 3; k++) to[k] = from[k] + alpha * step[k];
    for (int k = 0; k < 3; k++) {
        turn[k] = alpha * step[3 + k];
        squared += turn[k] * turn[k];
    }
    const vec angle = root(squared), tiny = (vec){0} + 1e-8f;
    sine_cosine(0.5f * angle, &sine, &cosine);
    const vec scale = choose(angle > tiny, sine / choose(angle > tiny, angle, tiny), (vec){0} + 0.5f);
    for (int k = 0; k < 3; k++) turn[k] *= scale;
    const vec *p = from + 3;
    q[0] = cosine * p[0] - turn[0] * p[1] - turn[1] * p[2] - turn[2] * p[3];
    q[1] = cosine * p[1] + turn[0] * p[0] + turn[1] * p[3] - turn[2] * p[2];
    q[2] = cosine * p[2] - turn[0] * p[3] + turn[1] * p[0] + turn[2] * p[1];
    q[3] = cosine * p[3] + turn[0] * p[2] - turn[1] * p[1] + turn[2] * p[0];
    const vec norm = 1.0f / root(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    for (int k = 0; k < 4; k++) to[3 + k] = q[k] * norm;
    for (int f = 1; f < fragments; f++) to[6 + f] = from[6 + f] + alpha * step[5 + f];
}

/* Frames of the fragments and positions of the atoms of a pose. */
INLINE void place(Lanes *w, const vec *pose) {
    const Tree *t = w->tree;
    const vec a = pose[3], b = pose[4], c = pose[5], d = pose[6];
    vec *m = w->frame;
    m[0] = a * a + b * b - c * c - d * d;
    m[1] = 2 * (b * c - a * d);
    m[2] = 2 * (b * d + a * c);
    m[3] = 2 * (b * c + a * d);
    m[4] = a * a - b * b + c * c - d * d;
    m[5] = 2 * (c * d - a * b);
    m[6] = 2 * (b * d - a * c);
    m[7] = 2 * (c * d + a * b);
    m[8] = a * a - b * b - c * c + d * d;
    for (int k = 0; k < 3; k++) w->at[k] = (vec){0};
    for (int f = 1; f < t->fragments; f++) {
        const vec *parent = w->frame + 9 * t->parent[f], *u = w->axis + 3 * f;
        vec own[9], sine, cosine, shift[3];
        sine_cosine(pose[6 + f], &sine, &cosine);
        const vec rest = 1.0f - cosine;
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++) own[3 * i + k] = u[i] * u[k] * rest;
        for (int k = 0; k < 3; k++) own[4 * k] += cosine;
        own[1] -= sine * u[2], own[3] += sine * u[2];
        own[2] += sine * u[1], own[6] -= sine * u[1];
        own[5] -= sine * u[0], own[7] += sine * u[0];
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++)
                w->frame[9 * f + 3 * i + k] =
                    parent[3 * i] * own[k] + parent[3 * i + 1] * own[3 + k] + parent[3 * i + 2] * own[6 + k];
        apply(parent, w->offset + 3 * f, shift);
        apply(parent, u, w->turned + 3 * f);
        for (int k = 0; k < 3; k++) w->at[3 * f + k] = w->at[3 * t->parent[f] + k] + shift[k];
    }
    for (int f = 0; f < t->fragments; f++)
        for (int n = t->start[f]; n < t->start[f + 1]; n++) {
            vec own[3];
            apply(w->frame + 9 * f, w->local + 3 * t->atoms[n], own);
            for (int k = 0; k < 3; k++) w->pos[3 * t->atoms[n] + k] = w->at[3 * f + k] + own[k];
        }
}

/* Softens repulsive energies to at most 1 / weak each; the factor of their gradients. */
INLINE vec soften(vec *e, vec weak) {
    const vec one = (vec){0} + 1.0f, share = choose(*e > (vec){0}, 1.0f / (1.0f + choose(*e > (vec){0}, *e, (vec){0}) * weak), one);
    *e *= share;
    return share * share;
}

/* Energy with receptor, inside the ligand, and of the wall; its gradient on the atoms into `force`. */
INLINE vec energy_and_force(Lanes *w, const vec *pose, vec weak) {
    const LigandModel *l = w->ligand;
    vec sum = {0}, offset[3], length = {0};
    for (int a = 0; a < l->atoms; a++) {
        vec at[3], grad[3];
        for (int k = 0; k < 3; k++) at[k] = w->pos[3 * a + k] + (pose[k] - w->field->origin[k]);
        vec e = map_energy(w->terms, w->field, w->maps, w->tree->map[a], w->known, at, grad);
        const vec share = soften(&e, weak);
        sum += e;
        for (int k = 0; k < 3; k++) w->force[3 * a + k] = share * grad[k];
    }
    for (int n = 0; n < w->pairs; n++) {
        vec *fa = w->force + 3 * l->pair_i[n], *fb = w->force + 3 * l->pair_j[n];
        const vec *a = w->pos + 3 * l->pair_i[n], *b = w->pos + 3 * l->pair_j[n];
        const ivec none = {0};
        vec d[3], slope;
        for (int k = 0; k < 3; k++) d[k] = a[k] - b[k];
        vec e = pair_energy(w->terms, d[0] * d[0] + d[1] * d[1] + d[2] * d[2], (vec){0} + l->pair_radii[n],
                            none - (l->pair_kind[n] & 1), none - (l->pair_kind[n] >> 1 & 1), &slope);
        slope *= soften(&e, weak);
        sum += e;
        for (int k = 0; k < 3; k++) {
            fa[k] += slope * d[k];
            fb[k] -= slope * d[k];
        }
    }
    if (w->wall > 0) {
        for (int k = 0; k < 3; k++) {
            vec mean = {0};
            for (int a = 0; a < l->atoms; a++) mean += w->pos[3 * a + k];
            offset[k] = mean * (1.0f / l->atoms) + (pose[k] - w->centre[k]);
            length += offset[k] * offset[k];
        }
        length = root(length);
        vec beyond = length - w->radius;
        beyond = choose(beyond > (vec){0}, beyond, (vec){0});
        if (any(beyond > (vec){0})) {
            sum += w->wall * beyond * beyond;
            const vec pull = 2 * w->wall / l->atoms * beyond / choose(length > (vec){0} + 1e-6f, length, (vec){0} + 1e-6f);
            for (int a = 0; a < l->atoms; a++)
                for (int k = 0; k < 3; k++) w->force[3 * a + k] += pull * offset[k];
        }
    }
    return sum;
}

/* Energies of poses, and their gradients by translation, rotation about the root's pivot and torsions by fragment. */
static __attribute__((noinline)) vec lanes_energy(Lanes *w, const vec *pose, vec weak, vec *gradient) {
    const Tree *t = w->tree;
    place(w, pose);
    const vec energy = energy_and_force(w, pose, weak);
    for (int f = 0; f < t->fragments; f++) {
        vec push[3] = {{0}, {0}, {0}}, torque[3] = {{0}, {0}, {0}};
        for (int n = t->start[f]; n < t->start[f + 1]; n++) {
            const vec *own = w->force + 3 * t->atoms[n];
            vec moment[3];
            cross(w->pos + 3 * t->atoms[n], own, moment);
            for (int k = 0; k < 3; k++) push[k] += own[k], torque[k] += moment[k];
        }
        for (int k = 0; k < 3; k++) w->push[3 * f + k] = push[k], w->torque[3 * f + k] = torque[k];
    }
    for (int f = t->fragments - 1; f > 0; f--) {
        const vec *axis = w->turned + 3 * f;
        vec moment[3], slope = {0};
        cross(w->at + 3 * f, w->push + 3 * f, moment);
        for (int k = 0; k < 3; k++) {
            slope += axis[k] * (w->torque[3 * f + k] - moment[k]);
            w->push[3 * t->parent[f] + k] += w->push[3 * f + k];
            w->torque[3 * t->parent[f] + k] += w->torque[3 * f + k];
        }
        gradient[5 + f] = slope;
    }
    for (int k = 0; k < 3; k++) {
        gradient[k] = w->push[k];
        gradient[3 + k] = w->torque[k];
    }
    return energy;
}

#endif
