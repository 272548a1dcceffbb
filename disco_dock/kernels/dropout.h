/* Dropout whose mask is a function of its place: nothing is stored between forward and backward. */
#ifndef DISCO_DROPOUT_H
#define DISCO_DROPOUT_H

#include <stdint.h>

/* Zeroes the activations that dropout takes and scales the others; depends on (seed, edge, activation) only. */
static inline void drop(float *h, int lanes, uint32_t edge, uint32_t seed, float rate) {
    const float scale = 1 / (1 - rate);
    const uint32_t limit = (uint32_t)(rate * 4294967296.0);
    for (int a = 0; a < lanes; a++) {
        uint32_t u = edge * 0x9e3779b9u + (uint32_t)a * 0x85ebca6bu + seed;
        u = (u ^ (u >> 16)) * 0x7feb352du;
        u = (u ^ (u >> 15)) * 0x846ca68bu;
        u ^= u >> 16;
        h[a] = u < limit ? 0.0f : h[a] * scale;
    }
}

#endif
