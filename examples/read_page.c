/* Reads a page with the C interface: the text to standard output, what it took to standard error.
 *   read_page_c IMAGE [MODEL_DIR] */
#include <glmocr/c_api.h>
#include <stdio.h>

static int fail(glmocr_error* error) {
  fprintf(stderr, "read_page_c: %s\n", glmocr_error_message(error));
  glmocr_error_free(error);
  return 1;
}

static void count_bytes(void* user, size_t region, const char* text, size_t text_bytes) {
  (void)region;
  (void)text;
  *(size_t*)user += text_bytes;
}

int main(int argc, char** argv) {
  glmocr_error* error = NULL;
  glmocr_model* model = NULL;
  glmocr_image* image = NULL;
  glmocr_page* page = NULL;
  glmocr_read_options options;
  glmocr_stats stats;
  size_t streamed_bytes = 0;

  if (argc < 2) {
    fprintf(stderr, "usage: read_page_c IMAGE [MODEL_DIR]\n");
    return 2;
  }
  /* NULL: the starter model, which is installed with the library. */
  if (glmocr_model_load(argc > 2 ? argv[2] : NULL, NULL, &model, &error) != GLMOCR_OK)
    return fail(error);
  if (glmocr_image_from_file(argv[1], NULL, &image, &error) != GLMOCR_OK) {
    glmocr_model_free(model);
    return fail(error);
  }
  glmocr_read_options_init(&options, sizeof(options));
  options.on_text = count_bytes;
  options.user = &streamed_bytes;
  if (glmocr_read(model, image, &options, &page, &error) == GLMOCR_OK) {
    fputs(glmocr_page_text(page), stdout);
    stats.struct_size = sizeof(stats);
    glmocr_page_stats(page, &stats);
    fprintf(stderr, "%zu regions, %zu bytes streamed, %.2f s\n", glmocr_page_region_count(page),
            streamed_bytes, stats.total_s);
  }
  glmocr_page_free(page);
  glmocr_image_free(image);
  glmocr_model_free(model);
  return error == NULL ? 0 : fail(error);
}
