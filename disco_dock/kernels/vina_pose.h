/* Minimisation of one pose on translation x rotation x torsions, with exact pairs: moves by torsions about the current axes,
 * then a rotation about the centroid, then a translation.
 *
 * Source: Trott & Olson, J. Comput. Chem. 2010, 31, 455 (BFGS).
 */
#ifndef DISCO_VINA_POSE_H
#define DISCO_VINA_POSE_H

#include "vina_energy.h"

#define TWO_PI 6.283185307179586

typedef struct {
    int32_t moves;        /* Monte-Carlo steps, 0 to minimise only */
    int32_t hunt, polish; /* quasi-Newton steps after a move and for a new best pose */
    float cap;            /* softens repulsion while hunting, kcal/mol */
    float temperature;    /* kcal/mol */
    float amplitude;      /* Angstrom of a random translation and of the arc of a random rotation */
    float longest;        /* Angstrom or rad of one quasi-Newton step */
    float tolerance;      /* kcal/mol: two steps that gain less end a minimisation */
    float centre[3], radius, wall; /* the centroid is held in a sphere: wall kcal/mol per squared Angstrom outside */
    int32_t held;                  /* atoms that are held near points: stiffness kcal/mol per squared Angstrom beyond slack */
    float slack, stiffness;
    const int32_t *held_atom;
    const double *held_at;         /* (held, 3) */
} Search;

typedef struct {
    const Terms *terms;
    const Field *field;
    const LigandModel *ligand;
    const Search *search;
    int size;                                       /* degrees of freedom */
    float *pos, *force;                             /* single precision, (atoms, 3) each */
    double *trial, *gradient, *next, *step, *change, *product, *hessian;
    int64_t evaluations;
} Work;

/* Splitmix64 (Steele et al., OOPSLA 2014): the n-th number depends on seed and n only. */
static double uniform(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static void inside_sphere(uint64_t *state, double *v) {
    do
        for (int k = 0; k < 3; k++) v[k] = 2 * uniform(state) - 1;
    while (v[0] * v[0] + v[1] * v[1] + v[2] * v[2] > 1);
}

static void centroid(const double *pos, int atoms, double *mean) {
    mean[0] = mean[1] = mean[2] = 0;
    for (int a = 0; a < atoms; a++)
        for (int k = 0; k < 3; k++) mean[k] += pos[3 * a + k];
    for (int k = 0; k < 3; k++) mean[k] /= atoms;
}

/* Turns a point about an axis of unit length through a pivot. */
INLINE void turn(double *at, const double *pivot, const double *axis, double sine, double cosine) {
    const double x = at[0] - pivot[0], y = at[1] - pivot[1], z = at[2] - pivot[2];
    const double along = (axis[0] * x + axis[1] * y + axis[2] * z) * (1 - cosine);
    at[0] = pivot[0] + axis[0] * along + cosine * x + sine * (axis[1] * z - axis[2] * y);
    at[1] = pivot[1] + axis[1] * along + cosine * y + sine * (axis[2] * x - axis[0] * z);
    at[2] = pivot[2] + axis[2] * along + cosine * z + sine * (axis[0] * y - axis[1] * x);
}

INLINE double unit(double *v) {
    const double length = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    for (int k = 0; k < 3; k++) v[k] /= length > 1e-12 ? length : 1;
    return length;
}

static void bond_axis(const LigandModel *l, const double *pos, int torsion, double *axis) {
    const double *held = pos + 3 * l->bonds[2 * torsion], *moved = pos + 3 * l->bonds[2 * torsion + 1];
    for (int k = 0; k < 3; k++) axis[k] = held[k] - moved[k];
    unit(axis);
}

/* Moves a pose by alpha times (translation, rotation vector, torsions). */
static void displace(const LigandModel *l, double *pos, const double *step, double alpha) {
    double axis[3], centre[3];
    for (int t = 0; t < l->torsions; t++) {
        const double angle = alpha * step[6 + t];
        if (angle == 0) continue;
        bond_axis(l, pos, t, axis);
        const double sine = sin(angle), cosine = cos(angle);
        double pivot[3];
        memcpy(pivot, pos + 3 * l->bonds[2 * t + 1], sizeof pivot);
        for (int n = l->moved_start[t]; n < l->moved_start[t + 1]; n++) turn(pos + 3 * l->moved[n], pivot, axis, sine, cosine);
    }
    for (int k = 0; k < 3; k++) axis[k] = alpha * step[3 + k];
    const double angle = unit(axis), sine = sin(angle), cosine = cos(angle);
    centroid(pos, l->atoms, centre);
    for (int a = 0; a < l->atoms; a++) {
        if (angle != 0) turn(pos + 3 * a, centre, axis, sine, cosine);
        for (int k = 0; k < 3; k++) pos[3 * a + k] += alpha * step[k];
    }
}

/* Energy of the atoms that are held; their forces are added to the others. */
static double holding(Work *w, const double *pos) {
    const Search *s = w->search;
    double energy = 0;
    for (int h = 0; h < s->held; h++) {
        const int a = s->held_atom[h];
        double away[3];
        for (int k = 0; k < 3; k++) away[k] = pos[3 * a + k] - s->held_at[3 * h + k];
        const double beyond = unit(away) - s->slack;
        if (!(beyond > 0)) continue;
        energy += s->stiffness * beyond * beyond;
        for (int k = 0; k < 3; k++) w->force[3 * a + k] += (float)(2 * s->stiffness * beyond * away[k]);
    }
    return energy;
}

/* Energy of a pose with the wall and the held atoms, and its gradient by translation, rotation and torsions. */
static double energy_of(Work *w, const double *pos, float cap, double *gradient) {
    const LigandModel *l = w->ligand;
    const Search *s = w->search;
    double centre[3], outside[3];
    for (int n = 0; n < 3 * l->atoms; n++) w->pos[n] = (float)pos[n];
    const Energy e = pose_energy(w->terms, w->field, l, w->pos, cap, w->force);
    const double held = holding(w, pos);
    w->evaluations++;
    centroid(pos, l->atoms, centre);
    memset(gradient, 0, w->size * sizeof(double));
    for (int a = 0; a < l->atoms; a++) {
        const float *g = w->force + 3 * a;
        const double x = pos[3 * a] - centre[0], y = pos[3 * a + 1] - centre[1], z = pos[3 * a + 2] - centre[2];
        for (int k = 0; k < 3; k++) gradient[k] += g[k];
        gradient[3] += y * g[2] - z * g[1];
        gradient[4] += z * g[0] - x * g[2];
        gradient[5] += x * g[1] - y * g[0];
    }
    for (int t = 0; t < l->torsions; t++) {
        double axis[3], torque[3] = {0, 0, 0};
        const double *pivot = pos + 3 * l->bonds[2 * t + 1];
        bond_axis(l, pos, t, axis);
        for (int n = l->moved_start[t]; n < l->moved_start[t + 1]; n++) {
            const float *g = w->force + 3 * l->moved[n];
            const double *at = pos + 3 * l->moved[n];
            const double x = at[0] - pivot[0], y = at[1] - pivot[1], z = at[2] - pivot[2];
            torque[0] += y * g[2] - z * g[1];
            torque[1] += z * g[0] - x * g[2];
            torque[2] += x * g[1] - y * g[0];
        }
        gradient[6 + t] = axis[0] * torque[0] + axis[1] * torque[1] + axis[2] * torque[2];
    }
    double energy = e.inter + e.intra + held;
    for (int k = 0; k < 3; k++) outside[k] = centre[k] - s->centre[k];
    const double beyond = unit(outside) - s->radius;
    if (beyond > 0) {
        energy += s->wall * beyond * beyond;
        for (int k = 0; k < 3; k++) gradient[k] += 2 * s->wall * beyond * outside[k];
    }
    return energy;
}

static double dot(const double *a, const double *b, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Minimises `pos` in place with at most `steps` quasi-Newton steps; its energy, never above the one it had. */
static double minimise(Work *w, double *pos, int steps, float cap) {
    const int n = w->size;
    const size_t bytes = 3 * (size_t)w->ligand->atoms * sizeof(double);
    double *h = w->hessian, *g = w->gradient, *p = w->step;
    double energy = energy_of(w, pos, cap, g);
    memset(h, 0, (size_t)n * n * sizeof(double));
    for (int i = 0; i < n; i++) h[i * n + i] = 1;
    for (int count = 0, idle = 0; count < steps && idle < 2; count++) {
        double largest = 0;
        for (int i = 0; i < n; i++) {
            p[i] = -dot(h + (size_t)i * n, g, n);
            if (fabs(p[i]) > largest) largest = fabs(p[i]);
        }
        if (largest > w->search->longest)
            for (int i = 0; i < n; i++) p[i] *= w->search->longest / largest;
        const double slope = dot(p, g, n);
        if (!(slope < 0)) break;
        double alpha = 1, found = 0;
        int trials = 0;
        for (;; alpha /= 2) {
            memcpy(w->trial, pos, bytes);
            displace(w->ligand, w->trial, p, alpha);
            found = energy_of(w, w->trial, cap, w->next);
            if (found - energy < 1e-4 * alpha * slope) break; /* Armijo's condition */
            if (++trials == 10) return energy;
        }
        memcpy(pos, w->trial, bytes);
        idle = energy - found < w->search->tolerance ? idle + 1 : 0;
        energy = found;
        for (int i = 0; i < n; i++) w->change[i] = w->next[i] - g[i];
        memcpy(g, w->next, n * sizeof(double));
        const double yp = dot(w->change, p, n), yy = dot(w->change, w->change, n);
        if (!(alpha * yp > 1e-12)) continue; /* no positive curvature along the step */
        if (count == 0)
            for (int i = 0; i < n; i++) h[i * n + i] = alpha * yp / yy;
        for (int i = 0; i < n; i++) w->product[i] = dot(h + (size_t)i * n, w->change, n);
        const double curvature = (1 + dot(w->change, w->product, n) / (alpha * yp)) * alpha / yp;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                h[i * n + j] += curvature * p[i] * p[j] - (w->product[i] * p[j] + p[i] * w->product[j]) / yp;
    }
    return energy;
}

#endif
