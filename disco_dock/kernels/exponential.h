/* The exponential function on vectors. */
#ifndef DISCO_EXPONENTIAL_H
#define DISCO_EXPONENTIAL_H

#include "gemm.h"

/* exp of values in [-87, 0], relative error about 2e-7: 2^n times a polynomial on [-ln2/2, ln2/2]. */
INLINE vec exponential(vec x) {
    const vec low = (vec){0} - 87.0f;
    const ivec small = x < low;
    x = (vec)(((ivec)low & small) | ((ivec)x & ~small));
    const float log2e = 1.44269504088896341f, magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    const vec shifted = x * log2e + magic;
    const vec n = shifted - magic;
    const vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    vec p = (vec){0} + 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const ivec exponent = ((ivec)shifted - 0x4b400000 + 127) << 23;
    return p * (vec)exponent;
}

#endif
