/* Product weights in the library's layout, and back. */
#include "layout.h"

int disco_lanes(void) { return LANES; }

size_t disco_packed_size(const Sizes *s) { return layout(s).weights; }

/* Weights (rows, fan_in, fan_out) per output irrep, scaled and laid out for the products below; `packed` starts as zeros. */
void disco_pack(const Sizes *s, const float *const *weights, const float *scale, float *packed) {
    const Layout l = layout(s);
    for (int i = 0; i < 4; i++) {
        const int outs = s->out[i];
        const float *w = weights[i];
        if (!l.k[i]) continue;
        for (int row = 0; row < l.rows; row++) {
            int k = 0;
            for (int f = 0; f < 3 && FEEDS[i][f] >= 0; f++) {
                for (int n = 0; n < s->in[FEEDS[i][f]]; n++, w += outs)
                    for (int o = 0; o < outs; o++) {
                        const float value = w[o] * scale[i];
                        packed[l.wt[i] + ((size_t)row * outs + o) * l.kv[i] + k + n] = value;
                        if (i == 0 || i == 3) packed[l.w[i] + ((size_t)row * l.k[i] + k + n) * l.o[i] + o] = value;
                    }
                k += l.p[FEEDS[i][f]];
            }
        }
    }
}

void disco_unpack(const Sizes *s, const float *packed, const float *scale, float *const *weights) {
    const Layout l = layout(s);
    for (int i = 0; i < 4; i++) {
        const int outs = s->out[i], scalar = i == 0 || i == 3;
        float *w = weights[i];
        if (!l.k[i]) continue;
        for (int row = 0; row < l.rows; row++) {
            int k = 0;
            for (int f = 0; f < 3 && FEEDS[i][f] >= 0; f++) {
                for (int n = 0; n < s->in[FEEDS[i][f]]; n++, w += outs)
                    for (int o = 0; o < outs; o++)
                        w[o] = scale[i] * (scalar ? packed[l.w[i] + ((size_t)row * l.k[i] + k + n) * l.o[i] + o]
                                                  : packed[l.wt[i] + ((size_t)row * outs + o) * l.kv[i] + k + n]);
                k += l.p[FEEDS[i][f]];
            }
        }
    }
}
