/* Vina energies of many poses. */
#include "vina_energy.h"

/* pos (poses, atoms, 3) -> energy (poses, 2) inter and intra, gradient (poses, atoms, 3) of their sum. */
void disco_vina_score(const Terms *terms, const Field *field, const LigandModel *ligand, int poses, const float *pos,
                      double *energy, float *gradient, int threads) {
    const size_t size = 3 * (size_t)ligand->atoms;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int n = 0; n < poses; n++) {
        const Energy e = pose_energy(terms, field, ligand, pos + n * size, INFINITY, gradient + n * size);
        energy[2 * n] = e.inter;
        energy[2 * n + 1] = e.intra;
    }
}
