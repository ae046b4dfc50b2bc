/* Reads a PDF or a picture with the C interface: the Markdown of its pages to standard output, one
 * after the other; progress, warnings and pages that failed to standard error.
 *   read_document_c FILE */
#include <glmocr/c_api.h>
#include <stdio.h>

static int fail(glmocr_error* error) {
  fprintf(stderr, "read_document_c: %s\n", glmocr_error_message(error));
  glmocr_error_free(error);
  return 1;
}

static void show_progress(void* user, const glmocr_progress* progress) {
  (void)user;
  fprintf(stderr, "\r%d of %d pages, %lld regions ", (int)progress->pages_done,
          (int)progress->pages, (long long)progress->regions_done);
}

int main(int argc, char** argv) {
  glmocr_error* error = NULL;
  glmocr_model* model = NULL;
  glmocr_document* document = NULL;
  glmocr_page* page = NULL;
  glmocr_document_options options;
  size_t i;
  int n_failed = 0;

  if (argc < 2) {
    fprintf(stderr, "usage: read_document_c FILE\n");
    return 2;
  }
  /* NULL: the starter model, which is installed with the library. */
  if (glmocr_model_load(NULL, NULL, &model, &error) != GLMOCR_OK) return fail(error);
  glmocr_document_options_init(&options, sizeof(options));
  options.on_progress = show_progress;
  if (glmocr_document_open(model, argv[1], &options, &document, &error) == GLMOCR_OK) {
    while (glmocr_document_next_page(document, &page, &error) == GLMOCR_OK && page != NULL) {
      const char* message;
      if (glmocr_page_error(page, &message) != GLMOCR_OK) {
        fprintf(stderr, "\nfailed: %s\n", message);
        ++n_failed;
      }
      fputs(glmocr_page_markdown(page), stdout);
      glmocr_page_free(page);
    }
    fputc('\n', stderr);
    for (i = 0; i < glmocr_document_warning_count(document); ++i) {
      glmocr_warning warning;
      warning.struct_size = sizeof(warning);
      if (glmocr_document_warning(document, i, &warning) == GLMOCR_OK)
        fprintf(stderr, "warning: page %d: %s\n", (int)warning.page, warning.message);
    }
  }
  glmocr_document_free(document);
  glmocr_model_free(model);
  if (error != NULL) return fail(error);
  return n_failed == 0 ? 0 : 3;
}
