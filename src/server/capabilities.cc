#include "server/capabilities.h"

#include "format/formats.h"
#include "server/document_request.h"
#include "server/json_call.h"

namespace glmocr::server {

using nlohmann::ordered_json;

void AddCapabilityRoutes(Router& router, Service& service) {
  const ServerConfig& config = service.config;
  std::vector<std::string> apis = router.RouteNames();
  apis.emplace_back("GET /capabilities");
  const ordered_json all = {
      {"model",
       {{"id", config.served_model_name},
        {"reads", service.recognizer.reads_lines() ? "lines" : "pages"},
        {"max_image_pixels", service.recognizer.processor().max_image_pixels()},
        {"parameters", service.recognizer.runner().model().n_params()},
        // It shows the program, not what GLM-OCR reads.
        {"demonstration", service.recognizer.reads_lines()}}},
      {"tasks", SupportedTasks(service)},
      {"layouts", SupportedLayouts(service)},
      {"text_layers", kTextLayerNames},
      {"formats", FormatNames()},
      {"limits",
       {{"max_body_bytes", config.max_body_bytes},
        {"max_upload_bytes", config.max_upload_bytes},
        {"max_files", config.max_images},
        {"max_pages", config.max_pages},
        {"max_image_pixels", config.max_image_pixels},
        {"max_jobs", config.max_jobs},
        {"keep_jobs_s", config.keep_jobs_s},
        {"document_timeout_s", config.document_timeout_s},
        {"max_tokens", config.max_tokens}}},
      {"decoding",
       {{"seccomp", service.confinement.calls},
        {"landlock_abi", service.confinement.landlock_abi},
        {"no_capabilities", service.confinement.capabilities}}},
      {"apis", apis},
      {"auth", !config.keys.empty()}};
  router.Add(
      {.method = "GET",
       .pattern = "/capabilities",
       .handler = [body = Dump(all)](std::shared_ptr<const HttpRequest>,
                                     std::shared_ptr<Responder> r) { r->Send({.body = body}); }});
}

}  // namespace glmocr::server
