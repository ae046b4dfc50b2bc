// The table of ServerConfig's settings: names, bounds and help, in the order in which they are
// shown.
#include "server/config_file.h"

namespace glmocr::server {

void AddServerSettings(Settings& settings, ServerConfig* config) {
  ServerConfig& c = *config;
  HttpServerOptions& http = c.http;
  HttpLimits& limits = http.limits;
  const auto group = [&settings](const char* heading) {
    return [&settings, heading](const char* name, SettingTarget target, const char* help,
                                double low = 0,
                                double high = std::numeric_limits<double>::infinity()) {
      settings.Add({.name = name,
                    .group = heading,
                    .help = help,
                    .target = target,
                    .low = low,
                    .high = high});
    };
  };

  const auto network = group("Network");
  network("host", &http.host,
          "Address to listen on; others than this machine's own need an API key");
  network("port", &http.port, "Port to listen on; 0: any that is free", 0, 65535);
  network("tls_certificate", &http.tls.certificate,
          "PEM file with the certificate's chain: serve https");
  network("tls_key", &http.tls.private_key, "PEM file with the certificate's private key");

  settings.AddKeys(&c.keys);
  const auto access = group("Access");
  access("allowed_hosts", &c.allowed_hosts,
         "Host names that requests may use besides this machine's own, without keys; *: any");
  access("allowed_origins", &c.allowed_origins,
         "Origins of web pages that may call (CORS), as https://app.example.org");
  access("metrics_public", &c.metrics_public, "Answer GET /metrics without a key");

  const auto work = group("Work");
  work("served_model_name", &c.served_model_name, "The model's name in /v1/models");
  work("model_aliases", &c.model_aliases,
       "Other names that requests may give it; *: any. A model that is none of them is answered "
       "404");
  work("max_queue", &c.max_queue, "Requests queued or running; more are answered 429", 1, 1e6);
  work("workers", &c.workers,
       "Threads that decode and prepare requests; as many read pages for the text APIs", 1, 256);
  work("max_prepared_bytes", &c.max_prepared_bytes,
       "Of pictures made ready for the model and not yet answered; more are answered 429", 1 << 20,
       1e13);
  work("request_timeout_s", &c.request_timeout_s, "Seconds that one answer may take", 0.1, 1e6);
  work("document_timeout_s", &c.document_timeout_s, "Seconds that one document may take", 0.1, 1e7);
  work("stream_interval_s", &c.stream_interval_s,
       "Seconds between two writes of a streamed answer; tokens that come faster go together; 0: "
       "each alone",
       0, 60);
  work("drain_timeout_s", &c.drain_timeout_s,
       "Seconds that running answers get after SIGTERM before they are cancelled", 0, 1e6);

  const auto documents = group("Documents");
  documents("data_dir", &c.data_dir,
            "Private folder for uploads, results and the job database; empty: a temporary one");
  documents("document_workers", &c.document_workers, "Documents read at the same time", 1, 256);
  documents("max_jobs", &c.max_jobs, "Jobs kept, finished ones included", 1, 1e6);
  documents("keep_jobs_s", &c.keep_jobs_s, "Seconds for which finished jobs are kept", 0, 1e9);
  documents("max_stored_bytes", &c.max_stored_bytes,
            "Uploads and results on disk; the oldest finished jobs make room", 1024, 1e15);

  const auto bounds = group("Limits of a request");
  bounds("max_body_bytes", &c.max_body_bytes, "Of a request's body", 1024, 1e12);
  bounds("max_upload_bytes", &c.max_upload_bytes, "Of a document's upload", 1024, 1e12);
  bounds("max_image_pixels", &c.max_image_pixels, "Of one picture", 1, 1e10);
  bounds("max_images", &c.max_images, "Pictures of one request", 1, 10000);
  bounds("max_pages", &c.max_pages, "Pages of one document", 1, 1e6);
  bounds("max_json_values", &c.max_json_values, "Values in a request's JSON", 1000, 1e8);
  bounds("max_tokens", &c.max_tokens, "Tokens of one answer", 1, 1e7);
  bounds("max_choices", &c.max_choices, "Answers to one request (n)", 1, 128);

  const auto files = group("Files that requests name");
  settings.Add({.name = "picture_worker",
                .group = "Files that requests name",
                .help =
                    "Decode pictures in confined processes: each in its own (8 ms more), or one "
                    "process for all JPEG, PNG, BMP and PNM files of an API key; off: in the "
                    "server, for clients that are all known",
                .target = &c.picture_worker,
                .choices = {"shared", "each", "off"}});
  files("allow_unconfined_decoding", &c.allow_unconfined_decoding,
        "Start also where the kernel has no seccomp to confine the processes that decode pictures "
        "and PDF files");
  files("media_path", &c.media_path, "Folder below which requests may name files; empty: none");
  FetchPolicy& fetch = c.fetch;
  files("fetch_enabled", &fetch.enabled, "Read pictures and documents from web addresses");
  files("fetch_allowed_hosts", &fetch.allowed_hosts,
        "Hosts to read from: example.org, *.example.org (those below it); empty: none");
  files("fetch_allow_http", &fetch.allow_http, "http:// beside https://");
  files("fetch_allowed_ports", &fetch.allowed_ports, "Ports besides 443 (https) and 80 (http)", 1,
        65535);
  files("fetch_allowed_networks", &fetch.allowed_networks,
        "Networks that are not public and may be read from nevertheless, as 10.1.0.0/16");
  files("fetch_max_redirects", &fetch.max_redirects, "Redirects followed", 0, 10);
  files("fetch_max_bytes", &fetch.max_bytes, "Of one file", 1, 1e12);
  files("fetch_timeout_s", &fetch.timeout_s, "Seconds for one file, in all", 0.01, 3600);
  files("fetch_connect_timeout_s", &fetch.connect_timeout_s, "Seconds for each connection", 0.01,
        3600);
  files("fetch_min_bytes_per_s", &fetch.min_bytes_per_s, "Slowest transfer", 0, 1e9);
  files("fetch_slow_limit_s", &fetch.slow_limit_s, "Seconds after which a slower one is given up",
        1, 3600);
  files("fetch_ca_file", &fetch.ca_file, "PEM file of authorities to trust; empty: the system's");

  const auto connections = group("Limits of connections");
  connections("max_connections", &limits.max_connections, "Open at the same time", 1, 1e6);
  connections("max_header_bytes", &limits.max_header_bytes, "Of a request's header", 1024, 1 << 20);
  connections("max_buffered_bytes", &limits.max_buffered_bytes,
              "Of all connections' request bodies together", 1024, 1e13);
  connections("max_unsent_bytes", &limits.max_unsent_bytes,
              "Of one answer that its client does not take; then it is dropped", 1024, 1e12);
  connections("max_unsent_bytes_in_sum", &limits.max_unsent_bytes_in_sum,
              "Of all answers together that their clients do not take", 1024, 1e13);
  connections("idle_timeout_s", &limits.idle_timeout_s, "Seconds between a connection's requests",
              0.1, 1e6);
  connections("header_timeout_s", &limits.header_timeout_s, "Seconds for a request's header", 0.1,
              1e6);
  connections("body_timeout_s", &limits.body_timeout_s,
              "Seconds for a request's body, beside those for min_bytes_per_s", 0.1, 1e6);
  connections("min_bytes_per_s", &limits.min_bytes_per_s,
              "Slowest body: a second more for each so many bytes received", 1, 1e12);
  connections("write_timeout_s", &limits.write_timeout_s,
              "Seconds for a client to take 256 KiB of its answer", 0.1, 1e6);

  settings.Add({.name = "log_level",
                .group = "Log",
                .help = "Least that is logged",
                .target = &c.log_level,
                .choices = {"debug", "info", "warning", "error"}});
  settings.Add({.name = "log_format",
                .group = "Log",
                .help = "json for machines, text for eyes; one event a line, on standard error",
                .target = &c.log_format,
                .choices = {"json", "text"}});
}

}  // namespace glmocr::server
