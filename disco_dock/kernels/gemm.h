/* Vectors and the one matrix-product tile that every kernel here is made of.
 *
 * C[m][n] (+)= sum over k1, k0 of A[m, k1, k0] * B[k1, k0][n], with n in vector lanes and every other index strided, so that
 * transposed, gathered and nested operands need no copy. A row of C is summed in the same order whatever the tile it falls
 * in: results do not depend on how rows are grouped.
 */
#ifndef DISCO_GEMM_H
#define DISCO_GEMM_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#else
static inline int omp_get_thread_num(void) { return 0; }
static inline int omp_get_num_threads(void) { return 1; }
#endif

#if defined(__AVX512F__)
#define LANES 16
#define TILE_ROWS 8
#elif defined(__AVX__)
#define LANES 8
#define TILE_ROWS 4
#else
#define LANES 4
#define TILE_ROWS 8
#endif
#define TILE_VECTORS 3
#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef float vec8 __attribute__((vector_size(32), aligned(4), may_alias));

static inline int round_up(int value, int unit) { return (value + unit - 1) / unit * unit; }
static inline int least(int a, int b) { return a < b ? a : b; }

/* Strides of a product, in floats. */
typedef struct {
    int k1, k0;             /* lengths of the outer and inner sums */
    ptrdiff_t a_row, a_k1, a_k0;
    ptrdiff_t b_k1, b_k0;
    ptrdiff_t c_row;
} Product;

INLINE void tile(const int rows, const int vectors, const int accumulate, const Product *p, const float *a, const float *b,
                 float *c) {
    vec sum[TILE_ROWS][TILE_VECTORS];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++)
            sum[r][v] = accumulate ? *(const vec *)(c + r * p->c_row + v * LANES) : (vec){0};
    const ptrdiff_t a_row = p->a_row, a_k0 = p->a_k0, b_k0 = p->b_k0;
    for (int i = 0; i < p->k1; i++) {
        const float *a0 = a + i * p->a_k1, *b0 = b + i * p->b_k1;
        for (int k = 0; k < p->k0; k++) {
            vec column[TILE_VECTORS];
#pragma GCC unroll 3
            for (int v = 0; v < vectors; v++) column[v] = *(const vec *)(b0 + v * LANES);
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
                for (int v = 0; v < vectors; v++) sum[r][v] += column[v] * a0[r * a_row];
            a0 += a_k0;
            b0 += b_k0;
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) *(vec *)(c + r * p->c_row + v * LANES) = sum[r][v];
}

#define TILE_FUNCTION(R, V)                                                                                            \
    static __attribute__((noinline)) void tile_##R##_##V(int accumulate, const Product *p, const float *a,             \
                                                         const float *b, float *c) {                                   \
        if (accumulate) tile(R, V, 1, p, a, b, c);                                                                     \
        else tile(R, V, 0, p, a, b, c);                                                                                \
    }
#if TILE_ROWS == 8
TILE_FUNCTION(8, 1) TILE_FUNCTION(8, 2) TILE_FUNCTION(8, 3)
#endif
TILE_FUNCTION(4, 1) TILE_FUNCTION(4, 2) TILE_FUNCTION(4, 3)
TILE_FUNCTION(2, 1) TILE_FUNCTION(2, 2) TILE_FUNCTION(2, 3)
TILE_FUNCTION(1, 1) TILE_FUNCTION(1, 2) TILE_FUNCTION(1, 3)

typedef void (*TileFunction)(int, const Product *, const float *, const float *, float *);

/* `columns` is rounded up to whole vectors: B must be readable and C writable that far. */
static inline void gemm(int accumulate, int rows, int columns, const Product *p, const float *a, const float *b, float *c) {
    static const TileFunction functions[4][3] = {
        {tile_1_1, tile_1_2, tile_1_3},
        {tile_2_1, tile_2_2, tile_2_3},
        {tile_4_1, tile_4_2, tile_4_3},
#if TILE_ROWS == 8
        {tile_8_1, tile_8_2, tile_8_3},
#endif
    };
    const int total = (columns + LANES - 1) / LANES;
    for (int v = 0; v < total; v += TILE_VECTORS) {
        const int vectors = least(TILE_VECTORS, total - v);
        for (int r = 0; r < rows;) {
            const int left = rows - r;
            const int size = TILE_ROWS == 8 && left >= 8 ? 3 : left >= 4 ? 2 : left >= 2 ? 1 : 0;
            functions[size][vectors - 1](accumulate, p, a + r * p->a_row, b + v * LANES, c + r * p->c_row + v * LANES);
            r += 1 << size;
        }
    }
}

static inline float *floats(size_t count) {
    void *memory = NULL;
    if (posix_memalign(&memory, 64, (count + 2 * LANES) * sizeof(float))) return NULL;
    memset(memory, 0, (count + 2 * LANES) * sizeof(float));
    return memory;
}

#endif
