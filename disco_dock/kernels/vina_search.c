/* Monte-Carlo search with minimisation from given poses, one at a time, with exact pairs.
 *
 * Source: Trott & Olson, J. Comput. Chem. 2010, 31, 455 (iterated local search). Every pose has its own random stream and one
 * thread.
 */
#include "vina_pose.h"

/* A random translation, rotation or torsion; every degree of freedom has the same chance. */
static void mutate(Work *w, double *pos, uint64_t *random) {
    const LigandModel *l = w->ligand;
    double *step = w->step;
    memset(step, 0, w->size * sizeof(double));
    const int which = (int)(uniform(random) * (2 + l->torsions));
    if (which == 0) {
        inside_sphere(random, step);
        for (int k = 0; k < 3; k++) step[k] *= w->search->amplitude;
    } else if (which == 1) {
        double centre[3], spread = 0;
        centroid(pos, l->atoms, centre);
        for (int n = 0; n < 3 * l->atoms; n++) spread += (pos[n] - centre[n % 3]) * (pos[n] - centre[n % 3]);
        const double gyration = sqrt(spread / l->atoms);
        inside_sphere(random, step + 3);
        for (int k = 0; k < 3; k++) step[3 + k] *= gyration > 1e-3 ? w->search->amplitude / gyration : TWO_PI;
    } else {
        step[4 + which] = TWO_PI * (uniform(random) - 0.5);
    }
    displace(l, pos, step, 1);
}

/* Searches from `pos`, which becomes the best pose found; its energy. */
static double explore(Work *w, double *pos, uint64_t random, double *current, double *candidate) {
    const Search *s = w->search;
    const size_t bytes = 3 * (size_t)w->ligand->atoms * sizeof(double);
    double best = energy_of(w, pos, INFINITY, w->gradient);
    memcpy(current, pos, bytes);
    minimise(w, current, s->hunt, s->cap);
    double energy = minimise(w, current, s->polish, INFINITY);
    if (energy < best) {
        best = energy;
        memcpy(pos, current, bytes);
    }
    for (int move = 0; move < s->moves; move++) {
        memcpy(candidate, current, bytes);
        mutate(w, candidate, &random);
        double proposed = minimise(w, candidate, s->hunt, s->cap);
        const double luck = uniform(&random);
        if (proposed >= energy && luck >= exp((energy - proposed) / s->temperature)) continue;
        if (proposed < best) {
            proposed = minimise(w, candidate, s->polish, INFINITY);
            if (proposed < best) {
                best = proposed;
                memcpy(pos, candidate, bytes);
            }
        }
        memcpy(current, candidate, bytes);
        energy = proposed;
    }
    return best;
}

/* pos (poses, atoms, 3) is replaced by the best poses found, energy (poses) becomes theirs, evaluations (poses) their number.
 * Returns 0, or 1 without memory. */
int disco_vina_search(const Terms *terms, const Field *field, const LigandModel *ligand, const Search *search, int poses,
                      const uint64_t *seeds, double *pos, double *energy, int64_t *evaluations, int threads) {
    const int atoms = ligand->atoms, n = 6 + ligand->torsions;
    int failed = 0;
#pragma omp parallel num_threads(threads)
    {
        Work w = {terms, field, ligand, search, n, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0};
        float *single = malloc(6 * (size_t)atoms * sizeof(float));
        double *room = malloc((9 * (size_t)atoms + 5 * (size_t)n + (size_t)n * n) * sizeof(double));
        if (single && room) {
            w.pos = single;
            w.force = single + 3 * atoms;
            w.trial = room;
            w.gradient = room + 9 * atoms;
            w.next = w.gradient + n;
            w.step = w.next + n;
            w.change = w.step + n;
            w.product = w.change + n;
            w.hessian = w.product + n;
        } else {
#pragma omp atomic write
            failed = 1;
        }
#pragma omp for schedule(dynamic, 1)
        for (int k = 0; k < poses; k++) {
            if (!(single && room)) continue;
            w.evaluations = 0;
            energy[k] = explore(&w, pos + 3 * (size_t)k * atoms, seeds[k], room + 3 * atoms, room + 6 * atoms);
            evaluations[k] = w.evaluations;
        }
        free(single);
        free(room);
    }
    return failed;
}
