/* Grey pictures as binary PGM, 8 bits: enough to see what a trainer does, and no library is needed. */
#ifndef PGM_H
#define PGM_H

#include <stdio.h>
#include <stdlib.h>

typedef struct picture {
  int width, height;
  unsigned char *pixels; /* row by row; to be freed */
} picture;

/* Reads a picture without comments in its head; pixels are NULL if that fails. */
static picture read_pgm(const char *path) {
  picture p = {0, 0, NULL};
  int largest = 0;
  FILE *file = fopen(path, "rb");
  if (file == NULL) return p;
  if (fscanf(file, "P5 %d %d %d", &p.width, &p.height, &largest) == 3 && largest == 255 && fgetc(file) != EOF &&
      p.width > 0 && p.height > 0 && p.width < 65536 && p.height < 32768) {
    size_t count = (size_t)p.width * (size_t)p.height;
    p.pixels = (unsigned char *)malloc(count);
    if (p.pixels != NULL && fread(p.pixels, 1, count, file) != count) {
      free(p.pixels);
      p.pixels = NULL;
    }
  }
  fclose(file);
  return p;
}

/* Writes numbers from 0 to 1. Returns 0 if that fails. */
static int write_pgm(const char *path, int width, int height, const float *values) {
  size_t i, count = (size_t)width * (size_t)height;
  FILE *file = fopen(path, "wb");
  if (file == NULL) return 0;
  fprintf(file, "P5\n%d %d\n255\n", width, height);
  for (i = 0; i < count; i++) {
    float v = values[i] < 0 ? 0 : values[i] > 1 ? 1 : values[i];
    fputc((int)(v * 255.0f + 0.5f), file);
  }
  return fclose(file) == 0;
}

#endif /* PGM_H */
