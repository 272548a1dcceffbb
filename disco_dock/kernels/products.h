/* The tensor product of source features with harmonics of l <= 1, forward and backward. */
#ifndef DISCO_PRODUCTS_H
#define DISCO_PRODUCTS_H

#include "layout.h"

#define SQRT3 1.7320508075688772f
#define SQRT2 1.4142135623730951f
#define AT8(pointer) (*(vec8 *)(pointer))

/* z = x (x) (1, s). */
INLINE void products(const Layout *l, const float *x, const float *s, float *z) {
    const int a = l->p[0], b = l->p[1], c = l->p[2], d = l->p[3];
    const float *v = x + a, *p = v + 3 * b, *q = p + 3 * c;
    const float s0 = s[0], s1 = s[1], s2 = s[2];
    if (l->k[0]) {
        float *to = z;
        for (int i = 0; i < a; i += 8) AT8(to + i) = AT8(x + i);
        for (int i = 0; i < b; i += 8)
            AT8(to + a + i) = (AT8(v + i) * s0 + AT8(v + b + i) * s1 + AT8(v + 2 * b + i) * s2) * (1 / SQRT3);
    }
    if (l->k[1])
        for (int n = 0; n < 3; n++) {
            float *to = z + l->start[1] + n * l->k[1];
            const int i1 = (n + 1) % 3, i2 = (n + 2) % 3;
            const float sn = s[n], si = s[i1] * (1 / SQRT2), sj = s[i2] * (1 / SQRT2);
            for (int i = 0; i < a; i += 8) AT8(to + i) = AT8(x + i) * sn;
            for (int i = 0; i < b; i += 8) AT8(to + a + i) = AT8(v + n * b + i);
            for (int i = 0; i < c; i += 8) AT8(to + a + b + i) = AT8(p + i1 * c + i) * sj - AT8(p + i2 * c + i) * si;
        }
    if (l->k[2])
        for (int n = 0; n < 3; n++) {
            float *to = z + l->start[2] + n * l->k[2];
            const int i1 = (n + 1) % 3, i2 = (n + 2) % 3;
            const float sn = s[n], si = s[i1] * (1 / SQRT2), sj = s[i2] * (1 / SQRT2);
            for (int i = 0; i < b; i += 8) AT8(to + i) = AT8(v + i1 * b + i) * sj - AT8(v + i2 * b + i) * si;
            for (int i = 0; i < c; i += 8) AT8(to + b + i) = AT8(p + n * c + i);
            for (int i = 0; i < d; i += 8) AT8(to + b + c + i) = AT8(q + i) * sn;
        }
    if (l->k[3]) {
        float *to = z + l->start[3];
        for (int i = 0; i < c; i += 8)
            AT8(to + i) = (AT8(p + i) * s0 + AT8(p + c + i) * s1 + AT8(p + 2 * c + i) * s2) * (1 / SQRT3);
        for (int i = 0; i < d; i += 8) AT8(to + c + i) = AT8(q + i);
    }
}

/* Adds to dx the gradient that dz gives it. */
INLINE void products_backward(const Layout *l, const float *dz, const float *s, float *dx) {
    const int a = l->p[0], b = l->p[1], c = l->p[2], d = l->p[3];
    float *dv = dx + a, *dp = dv + 3 * b, *dq = dp + 3 * c;
    if (l->k[0]) {
        const float *from = dz;
        for (int i = 0; i < a; i += 8) AT8(dx + i) += AT8(from + i);
        for (int n = 0; n < 3; n++)
            for (int i = 0; i < b; i += 8) AT8(dv + n * b + i) += AT8(from + a + i) * (s[n] * (1 / SQRT3));
    }
    if (l->k[1])
        for (int n = 0; n < 3; n++) {
            const float *from = dz + l->start[1] + n * l->k[1];
            const int i1 = (n + 1) % 3, i2 = (n + 2) % 3;
            const float sn = s[n], si = s[i1] * (1 / SQRT2), sj = s[i2] * (1 / SQRT2);
            for (int i = 0; i < a; i += 8) AT8(dx + i) += AT8(from + i) * sn;
            for (int i = 0; i < b; i += 8) AT8(dv + n * b + i) += AT8(from + a + i);
            for (int i = 0; i < c; i += 8) {
                const vec8 g = AT8(from + a + b + i);
                AT8(dp + i1 * c + i) += g * sj;
                AT8(dp + i2 * c + i) -= g * si;
            }
        }
    if (l->k[2])
        for (int n = 0; n < 3; n++) {
            const float *from = dz + l->start[2] + n * l->k[2];
            const int i1 = (n + 1) % 3, i2 = (n + 2) % 3;
            const float sn = s[n], si = s[i1] * (1 / SQRT2), sj = s[i2] * (1 / SQRT2);
            for (int i = 0; i < b; i += 8) {
                const vec8 g = AT8(from + i);
                AT8(dv + i1 * b + i) += g * sj;
                AT8(dv + i2 * b + i) -= g * si;
            }
            for (int i = 0; i < c; i += 8) AT8(dp + n * c + i) += AT8(from + b + i);
            for (int i = 0; i < d; i += 8) AT8(dq + i) += AT8(from + b + c + i) * sn;
        }
    if (l->k[3]) {
        const float *from = dz + l->start[3];
        for (int n = 0; n < 3; n++)
            for (int i = 0; i < c; i += 8) AT8(dp + n * c + i) += AT8(from + i) * (s[n] * (1 / SQRT3));
        for (int i = 0; i < d; i += 8) AT8(dq + i) += AT8(from + c + i);
    }
}

#endif
