/* Monte-Carlo search with minimisation on maps of the receptor, one chain in each lane of a vector.
 *
 * All lanes make one energy a turn, each at its own point of its own chain; a lane whose chain ends takes the next start. The
 * basins that a chain found are minimised with exact pairs at last. Source: Trott & Olson, J. Comput. Chem. 2010, 31, 455
 * (iterated local search, BFGS).
 */
#include "vina_lanes.h"
#include "vina_pose.h"

typedef struct {
    int32_t basins;   /* poses kept of each chain */
    float apart;      /* Angstrom of RMSD between two of them */
    float window;     /* kcal/mol above the lowest within which they are polished */
} Keep;

enum { FIRST_HUNT, FIRST_POLISH, HUNT, POLISH };

typedef struct {
    int pose, stage, moves, basins; /* pose < 0: idle */
    uint64_t random;
    double energy, proposed, gyration;
    int64_t evaluations;
} Chain;

typedef struct {
    Lanes lanes;
    Work exact;
    const Search *search;
    const Keep *keep;
    int size, values;           /* degrees of freedom, numbers of a pose */
    vec *base, *trial, *current, *gradient, *next, *step, *change, *product, *hessian;
    vec energy, slope, alpha, weak;
    ivec fresh, count, idle, trials, limit;
    Chain chain[LANES];
    float *kept_pose, *kept_pos, *kept_energy; /* (lanes, basins, ..) */
    double *start, *work;       /* (lanes, atoms, 3) where chains began; (atoms, 3) */
} Chains;

INLINE float *lane_of(vec *v, int lane) { return (float *)v + lane; }

static void copy_lane(vec *to, vec *from, int count, int lane) {
    for (int i = 0; i < count; i++) lane_of(to + i, lane)[0] = lane_of(from + i, lane)[0];
}

/* Begins a minimisation of `base`. */
static void restart_lane(Chains *c, int lane, int stage) {
    const int hunting = stage == FIRST_HUNT || stage == HUNT;
    c->chain[lane].stage = stage;
    c->fresh[lane] = -1;
    c->alpha[lane] = 0;
    c->weak[lane] = hunting ? 1 / c->search->cap : 0;
    c->limit[lane] = hunting ? c->search->hunt : c->search->polish;
}

static void load_chain(Chains *c, int lane, int pose, uint64_t seed, const double *pos) {
    Lanes *w = &c->lanes;
    const Tree *t = w->tree;
    const int atoms = w->ligand->atoms;
    Chain *own = c->chain + lane;
    double centre[3], spread = 0;
    memcpy(c->start + 3 * (size_t)atoms * lane, pos, 3 * atoms * sizeof(double));
    centroid(pos, atoms, centre);
    for (int n = 0; n < 3 * atoms; n++) spread += (pos[n] - centre[n % 3]) * (pos[n] - centre[n % 3]);
    *own = (Chain){pose, 0, 0, 0, seed, 0, 0, sqrt(spread / atoms), 0};
    for (int f = 0; f < t->fragments; f++) {
        const double *pivot = f ? pos + 3 * w->ligand->bonds[2 * t->torsion[f] + 1] : centre;
        const int over = t->parent[f];
        const double *from = f && over ? pos + 3 * w->ligand->bonds[2 * t->torsion[over] + 1] : centre;
        for (int n = t->start[f]; n < t->start[f + 1]; n++)
            for (int k = 0; k < 3; k++)
                lane_of(w->local + 3 * t->atoms[n] + k, lane)[0] = (float)(pos[3 * t->atoms[n] + k] - pivot[k]);
        if (!f) continue;
        double axis[3];
        bond_axis(w->ligand, pos, t->torsion[f], axis);
        for (int k = 0; k < 3; k++) {
            lane_of(w->offset + 3 * f + k, lane)[0] = (float)(pivot[k] - from[k]);
            lane_of(w->axis + 3 * f + k, lane)[0] = (float)axis[k];
        }
    }
    for (int i = 0; i < c->values; i++) lane_of(c->base + i, lane)[0] = i < 3 ? (float)centre[i] : i == 3;
    restart_lane(c, lane, FIRST_HUNT);
}

/* A random translation, rotation or torsion of `current` into `base`; every degree of freedom has the same chance. */
static void mutate_lane(Chains *c, int lane) {
    Chain *own = c->chain + lane;
    const Search *s = c->search;
    const int which = (int)(uniform(&own->random) * (c->size - 4));
    double v[3];
    copy_lane(c->base, c->current, c->values, lane);
    if (which == 0) {
        inside_sphere(&own->random, v);
        for (int k = 0; k < 3; k++) lane_of(c->base + k, lane)[0] += (float)(v[k] * s->amplitude);
    } else if (which == 1) {
        float *q[4];
        inside_sphere(&own->random, v);
        for (int k = 0; k < 3; k++) v[k] *= own->gyration > 1e-3 ? s->amplitude / own->gyration : TWO_PI;
        for (int k = 0; k < 4; k++) q[k] = lane_of(c->base + 3 + k, lane);
        const double angle = unit(v), h = sin(angle / 2), a = cos(angle / 2), p[4] = {*q[0], *q[1], *q[2], *q[3]};
        for (int k = 0; k < 3; k++) v[k] *= h;
        *q[0] = (float)(a * p[0] - v[0] * p[1] - v[1] * p[2] - v[2] * p[3]);
        *q[1] = (float)(a * p[1] + v[0] * p[0] + v[1] * p[3] - v[2] * p[2]);
        *q[2] = (float)(a * p[2] - v[0] * p[3] + v[1] * p[0] + v[2] * p[1]);
        *q[3] = (float)(a * p[3] + v[0] * p[2] - v[1] * p[1] + v[2] * p[0]);
    } else {
        float *angle = lane_of(c->base + 5 + which, lane);
        *angle = (float)remainder(*angle + TWO_PI * (uniform(&own->random) - 0.5), TWO_PI);
    }
    restart_lane(c, lane, HUNT);
}

/* Positions of a kept pose in double precision. */
static void rebuild(const Chains *c, int lane, const float *pose, double *pos) {
    const LigandModel *l = c->lanes.ligand;
    const Tree *t = c->lanes.tree;
    double *angles = c->exact.step, centre[3], m[9], q[4], norm = 0;
    memcpy(pos, c->start + 3 * (size_t)l->atoms * lane, 3 * l->atoms * sizeof(double));
    centroid(pos, l->atoms, centre);
    memset(angles, 0, c->size * sizeof(double));
    for (int f = 1; f < t->fragments; f++) angles[6 + t->torsion[f]] = pose[6 + f];
    displace(l, pos, angles, 1);
    for (int k = 0; k < 4; k++) norm += (double)pose[3 + k] * pose[3 + k];
    for (int k = 0; k < 4; k++) q[k] = pose[3 + k] / sqrt(norm);
    m[0] = 1 - 2 * (q[2] * q[2] + q[3] * q[3]), m[1] = 2 * (q[1] * q[2] - q[0] * q[3]), m[2] = 2 * (q[1] * q[3] + q[0] * q[2]);
    m[3] = 2 * (q[1] * q[2] + q[0] * q[3]), m[4] = 1 - 2 * (q[1] * q[1] + q[3] * q[3]), m[5] = 2 * (q[2] * q[3] - q[0] * q[1]);
    m[6] = 2 * (q[1] * q[3] - q[0] * q[2]), m[7] = 2 * (q[2] * q[3] + q[0] * q[1]), m[8] = 1 - 2 * (q[1] * q[1] + q[2] * q[2]);
    for (int a = 0; a < l->atoms; a++) {
        double *at = pos + 3 * a, v[3];
        for (int k = 0; k < 3; k++) v[k] = at[k] - centre[k];
        for (int k = 0; k < 3; k++) at[k] = pose[k] + m[3 * k] * v[0] + m[3 * k + 1] * v[1] + m[3 * k + 2] * v[2];
    }
}

/* Keeps the minimum in `base`, whose positions are as last computed, if it is among the lowest of its chain's basins. */
static void keep_basin(Chains *c, int lane) {
    Chain *own = c->chain + lane;
    const int atoms = c->lanes.ligand->atoms, size = 3 * atoms, total = c->keep->basins;
    float *pose = c->kept_pose + (size_t)lane * total * c->values, *pos = c->kept_pos + (size_t)lane * total * size;
    float *energy = c->kept_energy + lane * total;
    const float limit = c->keep->apart * c->keep->apart * atoms;
    int slot = -1, worst = 0;
    for (int b = 0; b < own->basins; b++) {
        float apart = 0;
        for (int i = 0; i < size; i++) {
            const float d = pos[b * size + i] - lane_of(c->lanes.pos + i, lane)[0] - lane_of(c->base + i % 3, lane)[0];
            apart += d * d;
        }
        if (energy[b] > energy[worst]) worst = b;
        if (apart < limit && (slot < 0 || energy[b] < energy[slot])) slot = b;
    }
    if (slot < 0 && own->basins < total) {
        slot = own->basins++;
    } else {
        if (slot < 0 || total == 1) slot = worst;
        if (!(c->energy[lane] < energy[slot])) return;
    }
    energy[slot] = c->energy[lane];
    for (int i = 0; i < c->values; i++) pose[slot * c->values + i] = lane_of(c->base + i, lane)[0];
    for (int i = 0; i < size; i++) pos[slot * size + i] = lane_of(c->lanes.pos + i, lane)[0] + lane_of(c->base + i % 3, lane)[0];
}

/* Energy below which a minimum of this chain is worth polishing. */
static double worth(const Chains *c, int lane) {
    const Chain *own = c->chain + lane;
    const float *energy = c->kept_energy + lane * c->keep->basins;
    float lowest = INFINITY, highest = -INFINITY;
    for (int b = 0; b < own->basins; b++) {
        if (energy[b] < lowest) lowest = energy[b];
        if (energy[b] > highest) highest = energy[b];
    }
    if (c->keep->basins == 1) return lowest;
    const float within = lowest + c->keep->window;
    return own->basins < c->keep->basins || within < highest ? within : highest;
}

/* What a chain does after a minimisation; 1 when it has ended. */
static int go_on(Chains *c, int lane) {
    Chain *own = c->chain + lane;
    const Search *s = c->search;
    const double found = c->energy[lane];
    if (own->stage == FIRST_HUNT) {
        restart_lane(c, lane, FIRST_POLISH);
        return 0;
    }
    if (own->stage == HUNT) {
        const double luck = uniform(&own->random);
        if (found < own->energy || luck < exp((own->energy - found) / s->temperature)) {
            if (found < worth(c, lane)) {
                restart_lane(c, lane, POLISH);
                return 0;
            }
            copy_lane(c->current, c->base, c->values, lane);
            own->energy = found;
        }
    } else {
        keep_basin(c, lane);
        copy_lane(c->current, c->base, c->values, lane);
        own->energy = found;
    }
    if (own->moves++ == s->moves) return 1;
    mutate_lane(c, lane);
    return 0;
}

/* Drops the minima that are near a lower one: two of the maps may be one of the exact energy. How many are left. */
static int distinct(const Keep *keep, int count, int atoms, double *pos, double *energy) {
    const size_t size = 3 * (size_t)atoms;
    int kept = 0;
    for (int b = 0; b < count; b++) {
        int near = 0;
        for (int other = 0; other < kept && !near; other++) {
            double apart = 0;
            for (size_t i = 0; i < size; i++) {
                const double d = pos[b * size + i] - pos[other * size + i];
                apart += d * d;
            }
            near = apart < (double)keep->apart * keep->apart * atoms;
        }
        if (near) continue;
        energy[kept] = energy[b];
        if (kept < b) memcpy(pos + kept * size, pos + b * size, size * sizeof(double));
        kept++;
    }
    return kept;
}

/* The basins of an ended chain, minimised with exact pairs, lowest first. */
static void finish(Chains *c, int lane, const double *from, double *pos, double *energy, int64_t *evaluations) {
    Chain *own = c->chain + lane;
    const int size = 3 * c->lanes.ligand->atoms, total = c->keep->basins;
    const float *pose = c->kept_pose + (size_t)lane * total * c->values;
    Work *w = &c->exact;
    w->evaluations = 0;
    const double before = energy_of(w, from, INFINITY, w->gradient);
    int filled = 0;
    for (int b = 0; b < own->basins; b++) {
        rebuild(c, lane, pose + b * c->values, c->work);
        const double found = minimise(w, c->work, c->search->polish, INFINITY);
        int place = filled++;
        for (; place > 0 && energy[place - 1] > found; place--) {
            energy[place] = energy[place - 1];
            memcpy(pos + place * size, pos + (place - 1) * size, size * sizeof(double));
        }
        energy[place] = found;
        memcpy(pos + place * size, c->work, size * sizeof(double));
    }
    filled = distinct(c->keep, filled, c->lanes.ligand->atoms, pos, energy);
    if (!filled || !(energy[0] <= before)) {
        energy[0] = before;
        memcpy(pos, from, size * sizeof(double));
        if (!filled) filled = 1;
    }
    for (int b = filled; b < total; b++) {
        energy[b] = INFINITY;
        memcpy(pos + b * size, pos, size * sizeof(double));
    }
    *evaluations = own->evaluations + w->evaluations;
}

INLINE vec dot_lanes(const vec *a, const vec *b, int n) {
    vec sum = {0};
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* One energy in every lane, and what follows from it; the lanes whose minimisation has ended. */
static ivec turn_lanes(Chains *c) {
    const int n = c->size;
    const Search *s = c->search;
    const vec zero = {0}, one = zero + 1.0f;
    vec *g = c->gradient, *p = c->step, *h = c->hessian, *y = c->change;
    step_pose(c->lanes.tree->fragments, c->base, p, c->alpha, c->trial);
    const vec found = lanes_energy(&c->lanes, c->trial, c->weak, c->next);
    const ivec good = (found - c->energy < 1e-4f * c->alpha * c->slope) & ~c->fresh; /* Armijo's condition */
    const ivec taken = good | c->fresh, refused = ~taken;
    for (int i = 0; i < c->values; i++) c->base[i] = choose(taken, c->trial[i], c->base[i]);
    const ivec small = c->energy - found < s->tolerance;
    c->idle = (good & (c->idle - small) & small) | (refused & c->idle);
    c->energy = choose(taken, found, c->energy);
    if (any(c->fresh))
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) h[i * n + j] = choose(c->fresh, i == j ? one : zero, h[i * n + j]);
    for (int i = 0; i < n; i++) {
        y[i] = choose(good, c->next[i] - g[i], zero);
        g[i] = choose(taken, c->next[i], g[i]);
    }
    const vec yp = dot_lanes(y, p, n), yy = dot_lanes(y, y, n);
    const ivec curved = good & (c->alpha * yp > 1e-12f); /* positive curvature along the step */
    const ivec scaled = curved & (c->count == 0);
    if (any(scaled))
        for (int i = 0; i < n; i++)
            h[i * n + i] = choose(scaled, c->alpha * yp / choose(scaled, yy, one), h[i * n + i]);
    for (int i = 0; i < n; i++) c->product[i] = dot_lanes(h + (size_t)i * n, y, n);
    const vec safe = choose(curved, yp, one);
    const vec curvature = choose(curved, (1.0f + dot_lanes(y, c->product, n) / (c->alpha * safe)) * c->alpha / safe, zero);
    const vec mixed = choose(curved, 1.0f / safe, zero);
    for (int i = 0; i < n; i++) {
        const vec left = curvature * p[i] - mixed * c->product[i], right = mixed * p[i];
        for (int j = 0; j < n; j++) h[i * n + j] += left * p[j] - right * c->product[j];
    }
    c->count = (c->count - good) & ~c->fresh;
    c->trials = refused & (c->trials - refused);
    c->alpha = choose(taken, one, c->alpha * 0.5f);
    ivec ended = (taken & ((c->count >= c->limit) | (c->idle >= 2))) | (refused & (c->trials >= 10));
    vec largest = zero;
    for (int i = 0; i < n; i++) {
        y[i] = -dot_lanes(h + (size_t)i * n, g, n);
        const vec size = choose(y[i] > zero, y[i], -y[i]);
        largest = choose(size > largest, size, largest);
    }
    const vec scale = choose(largest > zero + s->longest, s->longest / choose(largest > zero, largest, one), one);
    for (int i = 0; i < n; i++) p[i] = choose(taken, y[i] * scale, p[i]);
    c->slope = choose(taken, dot_lanes(p, g, n), c->slope);
    ended |= ~(c->slope < zero);
    c->fresh = (ivec){0};
    return ended;
}

static vec *vectors(float **room, size_t count) {
    vec *own = (vec *)*room;
    *room += count * LANES;
    return own;
}

/* pos (poses, atoms, 3) where chains begin, from basins (poses, basins, atoms, 3) on, replaced by `found`, their energies
 * (poses, basins), infinite for basins that there are not, and evaluations (poses). Returns 0, or 1 without memory. */
int disco_vina_chains(const Terms *terms, const Field *field, const LigandModel *ligand, const Tree *tree, const Maps *maps,
                      const Search *search, const Keep *keep, int poses, const uint64_t *seeds, const double *pos,
                      double *found, double *energy, int64_t *evaluations, int threads) {
    const int atoms = ligand->atoms, n = 6 + ligand->torsions, values = 7 + ligand->torsions, basins = keep->basins;
    const int cells = field->cells[0] * field->cells[1] * field->cells[2], f = tree->fragments;
    const size_t whole = 9 * (size_t)atoms + 27 * (size_t)f + 3 * (size_t)values + 5 * (size_t)n + (size_t)n * n;
    const size_t kept = (size_t)LANES * basins * (values + 3 * atoms + 1);
    int failed = 0, next = 0;
#pragma omp parallel num_threads(threads)
    {
        float *room = floats(whole * LANES + kept), *at = room, *single = malloc(6 * (size_t)atoms * sizeof(float));
        double *doubles = malloc(((3 * LANES + 9) * (size_t)atoms + 5 * (size_t)n + (size_t)n * n) * sizeof(double));
        int32_t *known = calloc(cells, sizeof(int32_t));
        Chains *c = malloc(sizeof(Chains) + 64);
        if (room && single && doubles && known && c) {
            memset(c, 0, sizeof *c);
            int pairs = 0;
            while (pairs < ligand->pairs && ligand->pair_radii[pairs] > 0) pairs++;
            c->lanes = (Lanes){terms, field, ligand, tree, maps, known, pairs};
            memcpy(c->lanes.centre, search->centre, sizeof search->centre);
            c->lanes.radius = search->radius;
            c->lanes.wall = isinf(search->radius) ? 0 : search->wall;
            c->lanes.local = vectors(&at, 3 * atoms), c->lanes.pos = vectors(&at, 3 * atoms);
            c->lanes.force = vectors(&at, 3 * atoms), c->lanes.offset = vectors(&at, 3 * f), c->lanes.axis = vectors(&at, 3 * f);
            c->lanes.frame = vectors(&at, 9 * f), c->lanes.at = vectors(&at, 3 * f), c->lanes.turned = vectors(&at, 3 * f);
            c->lanes.push = vectors(&at, 3 * f), c->lanes.torque = vectors(&at, 3 * f);
            c->base = vectors(&at, values), c->trial = vectors(&at, values), c->current = vectors(&at, values);
            c->gradient = vectors(&at, n), c->next = vectors(&at, n), c->step = vectors(&at, n), c->change = vectors(&at, n);
            c->product = vectors(&at, n), c->hessian = vectors(&at, (size_t)n * n);
            c->kept_pose = at, c->kept_pos = c->kept_pose + (size_t)LANES * basins * values;
            c->kept_energy = c->kept_pos + (size_t)LANES * basins * 3 * atoms;
            c->search = search, c->keep = keep, c->size = n, c->values = values;
            c->start = doubles, c->work = doubles + 3 * LANES * (size_t)atoms;
            double *mine = c->work + 3 * atoms;
            c->exact = (Work){terms, field, ligand, search, n, single, single + 3 * atoms, mine};
            c->exact.gradient = mine + 3 * atoms, c->exact.next = c->exact.gradient + n, c->exact.step = c->exact.next + n;
            c->exact.change = c->exact.step + n, c->exact.product = c->exact.change + n, c->exact.hessian = c->exact.product + n;
#pragma omp critical(disco_vina_maps)
            for (int type = 0; type < maps->types; type++)
                for (int cell = 0; cell < cells; cell++) known[cell] |= (maps->filled[type][cell] != 0) << type;
            int busy = 0, empty = 0;
            ivec ended = (ivec){0} - 1;
            for (int lane = 0; lane < LANES; lane++) c->chain[lane].pose = -1;
            do {
                for (int lane = 0; lane < LANES; lane++) {
                    Chain *own = c->chain + lane;
                    if (own->pose >= 0) own->evaluations++;
                    if (!ended[lane]) continue;
                    if (own->pose >= 0) {
                        if (!go_on(c, lane)) continue;
                        const size_t size = 3 * (size_t)atoms, k = own->pose;
                        finish(c, lane, pos + k * size, found + k * basins * size, energy + k * basins, evaluations + k);
                        busy--;
                    }
                    int taken = poses;
                    if (!empty)
#pragma omp atomic capture
                        taken = next++;
                    if (taken < poses) {
                        load_chain(c, lane, taken, seeds[taken], pos + 3 * (size_t)atoms * taken);
                        busy++;
                    } else {
                        empty = 1;
                        own->pose = -1;
                        c->alpha[lane] = 0; /* goes on at its last pose, which nobody reads */
                        c->fresh[lane] = -1;
                        if (!c->base[3][lane]) c->base[3][lane] = 1;
                    }
                }
                if (busy) ended = turn_lanes(c);
            } while (busy);
        } else {
#pragma omp atomic write
            failed = 1;
        }
        free(room), free(single), free(doubles), free(known), free(c);
    }
    return failed;
}
