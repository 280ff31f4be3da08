// Tempo's user-configurable overrides: a tenant's own settings, read and changed over HTTP. A version stands
// in ETag; a change names in If-Match the one it replaces ("0": there is none yet), and is refused with 412
// when another one stands there. PATCH lays a JSON merge patch (RFC 7396) over what is there, whatever its
// version.
#include <fmt/format.h>
#include <simdjson.h>

#include "api/tempo/tempo_handlers.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "pipeline/override_store.h"

namespace obelisk::tempo {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr int kDepthMax = 64;
constexpr int kPatchAttempts = 5;  // when others change at the same time

HttpResponse plain(int status, std::string_view text) {
  return text_response(status, std::string(text));
}

HttpResponse with_version(HttpResponse response, const std::string& version) {
  response.headers.emplace_back("etag", version);
  return response;
}

// The target with the patch laid over it, as RFC 7396 has it. Depth is bounded by parse().
void write_merged(const element* target, const element& patch, JsonWriter& out) {
  object changes;
  if (patch.get(changes) != simdjson::SUCCESS) {
    out.raw(simdjson::minify(patch));
    return;
  }
  object held;
  bool has_target = target != nullptr && target->get(held) == simdjson::SUCCESS;
  out.begin_object();
  if (has_target) {
    for (auto field : held) {
      element change;
      if (changes.at_key(field.key).get(change) != simdjson::SUCCESS) {
        out.key(field.key).raw(simdjson::minify(field.value));
      } else if (!change.is_null()) {
        out.key(field.key);
        write_merged(&field.value, change, out);
      }
    }
  }
  for (auto field : changes) {
    element there;
    if (field.value.is_null() || (has_target && held.at_key(field.key).get(there) == simdjson::SUCCESS))
      continue;
    out.key(field.key);
    write_merged(nullptr, field.value, out);
  }
  out.end_object();
}

Result<std::string> merge_patch(std::string_view target, std::string_view patch) {
  simdjson::dom::parser target_parser, patch_parser;
  for (auto* parser : {&target_parser, &patch_parser}) {
    if (parser->allocate(OverrideStore::kTextBytesMax + 1, kDepthMax) != simdjson::SUCCESS)
      return make_error(ErrorCode::internal, "no memory to read JSON");
  }
  element held, change;
  if (auto code = patch_parser.parse(patch).get(change); code != simdjson::SUCCESS)
    return make_error(ErrorCode::invalid_argument, fmt::format("no JSON: {}", simdjson::error_message(code)));
  if (!change.is_object()) return make_error(ErrorCode::invalid_argument, "a patch is a JSON object");
  if (target_parser.parse(target).get(held) != simdjson::SUCCESS)
    return make_error(ErrorCode::internal, "the stored overrides are no JSON");
  JsonWriter out;
  write_merged(&held, change, out);
  return out.take();
}

class Handlers {
 public:
  Handlers(ApiContext& context, TempoOverrides overrides)
      : context_(context), overrides_(std::move(overrides)) {}

  Result<HttpResponse> get(const Tenant& tenant, const HttpRequest& request) const {
    OBELISK_TRY(Parameters parameters, parameters_of(request));
    std::string_view scope = parameters.get_or("scope", "api");
    if (scope != "api" && scope != "merged") {
      return plain(400, fmt::format("unknown scope \"{}\", valid options are api and merged",
                                    replace_invalid_utf8(scope.substr(0, 100))));
    }
    std::optional<OverrideStore::Stored> stored = overrides_.store->get(tenant);
    if (scope == "merged") {
      return with_version(json_response(overrides_.merged(tenant)),
                          stored ? stored->version : std::string(OverrideStore::kNewVersion));
    }
    if (!stored) return plain(404, "");
    return with_version(json_response(stored->text), stored->version);
  }

  Result<HttpResponse> post(const Tenant& tenant, const HttpRequest& request) const {
    std::string version(request.header("if-match"));
    if (version.empty()) return plain(428, "must specify If-Match header");
    OBELISK_TRY(std::string text, overrides_.check(request.body));
    OBELISK_TRY(OverrideStore::Change change, overrides_.store->set(tenant, std::move(text), version));
    if (change != OverrideStore::Change::done) return plain(412, "version does not match");
    return with_version(plain(200, ""), version);
  }

  Result<HttpResponse> patch(const Tenant& tenant, const HttpRequest& request) const {
    for (int attempt = 0; attempt < kPatchAttempts; ++attempt) {
      std::optional<OverrideStore::Stored> stored = overrides_.store->get(tenant);
      OBELISK_TRY(std::string merged, merge_patch(stored ? stored->text : "{}", request.body));
      OBELISK_TRY(std::string text, overrides_.check(merged));
      std::string version = stored ? stored->version : std::string(OverrideStore::kNewVersion);
      OBELISK_TRY(OverrideStore::Change change, overrides_.store->set(tenant, text, version));
      if (change == OverrideStore::Change::done) return with_version(json_response(std::move(text)), version);
    }
    return plain(503, "overrides have been modified during request processing, try again");
  }

  Result<HttpResponse> remove(const Tenant& tenant, const HttpRequest& request) const {
    std::string_view version = request.header("if-match");
    if (version.empty()) return plain(428, "must specify If-Match header");
    OBELISK_TRY(OverrideStore::Change change, overrides_.store->remove(tenant, version));
    if (change == OverrideStore::Change::missing) return plain(404, "");
    return plain(change == OverrideStore::Change::done ? 200 : 412,
                 change == OverrideStore::Change::done ? "" : "version does not match");
  }

  using Method = Result<HttpResponse> (Handlers::*)(const Tenant&, const HttpRequest&) const;
  void respond(const HttpExchangePtr& exchange, Method method) const {
    const HttpRequest& request = exchange->request();
    Result<Tenant> tenant = tenant_of(context_, request);
    if (!tenant.ok())
      return exchange->respond_text(http_status_of(tenant.error().code), tenant.error().message);
    Result<HttpResponse> response = request.body.size() > OverrideStore::kTextBytesMax
                                        ? plain(413, "overrides are limited to 1 MiB")
                                        : (this->*method)(*tenant, request);
    if (!response.ok())
      return exchange->respond_text(http_status_of(response.error().code), response.error().message);
    exchange->respond(std::move(*response));
  }

 private:
  ApiContext& context_;
  const TempoOverrides overrides_;
};

}  // namespace

void register_overrides(Router& router, ApiContext& context, TempoOverrides overrides) {
  auto handlers = std::make_shared<const Handlers>(context, std::move(overrides));
  auto add = [&](std::string_view name, Handlers::Method method) {
    router.add(name, "/api/overrides",
               [handlers, method](const HttpExchangePtr& exchange, const PathParameters&) {
                 handlers->respond(exchange, method);
               });
  };
  add("GET", &Handlers::get);
  add("POST", &Handlers::post);
  add("PATCH", &Handlers::patch);
  add("DELETE", &Handlers::remove);
}

}  // namespace obelisk::tempo
