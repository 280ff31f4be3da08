#include "api/request/rule_api.h"

#include <fmt/format.h>

#include "api/request/response.h"
#include "api/request/rule_json.h"

namespace obelisk {
namespace {

using rules::RuleGroup;
using rules::RuleGroupStatus;
using rules::RuleStatus;
using rules::RuleStore;

HttpResponse yaml_response(std::string body) {
  return typed_response("application/yaml", std::move(body));
}

HttpResponse json_response(std::string body) {
  return typed_response("application/json", std::move(body));
}

HttpResponse accepted() {
  HttpResponse response = json_response(R"({"status":"success","data":null,"errorType":"","error":""})");
  response.status = 202;
  return response;
}

std::string quoted(std::string_view text) {
  JsonWriter out;
  out.value(text);
  return out.take();
}

std::string yaml_of(const RuleStore::Namespaces& namespaces) {
  std::string out;
  for (const auto& [name, groups] : namespaces) {
    out += quoted(name) + ":\n";
    for (const RuleGroup& group : groups) {
      std::string text = rules::format_rule_group(group, "  ");
      text[0] = '-';
      out += text;
    }
  }
  return out;
}

Error not_found(std::string_view what) {
  return make_error(ErrorCode::not_found, std::string(what));
}

class RuleApi {
 public:
  RuleApi(ApiContext& context, RuleApiParts parts, RuleApiForm form)
      : context_(context), parts_(std::move(parts)), form_(std::move(form)) {}

  const RuleApiForm& form() const { return form_; }

  Result<HttpResponse> list(const Tenant& tenant, const PathParameters&) const {
    RuleStore::Namespaces namespaces = parts_.store->namespaces(tenant);
    if (namespaces.empty()) return not_found("no rule groups found");
    return yaml_response(yaml_of(namespaces));
  }

  Result<HttpResponse> list_namespace(const Tenant& tenant, const PathParameters& path) const {
    RuleStore::Namespaces namespaces = parts_.store->namespaces(tenant);
    std::erase_if(namespaces, [&](const auto& entry) { return entry.first != path.get("namespace"); });
    if (namespaces.empty()) return not_found("no rule groups found");
    return yaml_response(yaml_of(namespaces));
  }

  Result<HttpResponse> get_group(const Tenant& tenant, const PathParameters& path) const {
    RuleStore::Namespaces namespaces = parts_.store->namespaces(tenant);
    auto found = namespaces.find(path.get("namespace"));
    if (found == namespaces.end()) return not_found("group does not exist");
    for (const RuleGroup& group : found->second) {
      if (group.name == path.get("group")) return yaml_response(rules::format_rule_group(group));
    }
    return not_found("group does not exist");
  }

  Result<HttpResponse> set_group(const Tenant& tenant, const PathParameters& path,
                                 const std::string& body) const {
    OBELISK_TRY(RuleGroup group, rules::parse_rule_group(body, path.get("namespace"), form_.language));
    OBELISK_CHECK_OK(parts_.store->set_group(tenant, path.get("namespace"), std::move(group)));
    return accepted();
  }

  Result<HttpResponse> remove_group(const Tenant& tenant, const PathParameters& path) const {
    OBELISK_CHECK_OK(parts_.store->remove_group(tenant, path.get("namespace"), path.get("group")));
    return accepted();
  }

  Result<HttpResponse> remove_namespace(const Tenant& tenant, const PathParameters& path) const {
    OBELISK_CHECK_OK(parts_.store->remove_namespace(tenant, path.get("namespace")));
    return accepted();
  }

  Result<HttpResponse> rules(const Tenant& tenant, const PathParameters&,
                             const Parameters& parameters) const {
    std::string_view type = parameters.get_or("type", "");
    if (!type.empty() && type != "alert" && type != "record")
      return make_error(ErrorCode::invalid_argument, "type is alert or record");
    std::vector<std::string_view> files = parameters.get_all("file[]"),
                                  groups = parameters.get_all("rule_group[]"),
                                  names = parameters.get_all("rule_name[]");
    auto named = [](const std::vector<std::string_view>& wanted, std::string_view name) {
      return wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end();
    };
    JsonWriter json;
    json.begin_object().field("status", "success").key("data").begin_object().key("groups").begin_array();
    for (const RuleGroupStatus& group : groups_of(tenant)) {
      if (!named(files, group.file) || !named(groups, group.name)) continue;
      write_rule_group(json, group, true, [&](const RuleStatus& rule) {
        bool alerting = rule.rule.kind == rules::Rule::Kind::alerting;
        return (type.empty() || alerting == (type == "alert")) && named(names, rule.rule.name);
      });
    }
    json.end_array().end_object().field("errorType", "").field("error", "").end_object();
    return json_response(json.take());
  }

  Result<HttpResponse> alerts(const Tenant& tenant) const {
    JsonWriter json;
    json.begin_object().field("status", "success").key("data").begin_object().key("alerts").begin_array();
    for (const RuleGroupStatus& group : groups_of(tenant)) {
      for (const RuleStatus& rule : group.rules) {
        for (const rules::Alert& alert : rule.alerts) write_alert(json, alert);
      }
    }
    json.end_array().end_object().field("errorType", "").field("error", "").end_object();
    return json_response(json.take());
  }

  // `handler(tenant, path, exchange)`, errors answered.
  template <typename Handler>
  void add(Router& router, const char* method, const std::string& path, std::shared_ptr<const RuleApi> self,
           Handler handler) {
    router.add(method, path, [self, handler](HttpExchangePtr exchange, const PathParameters& parameters) {
      Result<HttpResponse> response = self->answer(*exchange, parameters, handler);
      if (response.ok()) return exchange->respond(std::move(*response));
      self->form_.respond_error(*exchange, response.error());
    });
  }

 private:
  template <typename Handler>
  Result<HttpResponse> answer(const HttpExchange& exchange, const PathParameters& path,
                              Handler handler) const {
    OBELISK_TRY(Tenant tenant, tenant_of(context_, exchange.request()));
    return handler(*this, tenant, path, exchange.request());
  }

  // Those of the tenant in the language of this API.
  std::vector<RuleGroupStatus> groups_of(const Tenant& tenant) const {
    std::vector<RuleGroupStatus> groups = parts_.status();
    std::erase_if(groups, [&](const RuleGroupStatus& group) {
      return group.language != form_.language || group.tenant != tenant;
    });
    return groups;
  }

  ApiContext& context_;
  const RuleApiParts parts_;
  const RuleApiForm form_;
};

}  // namespace

void register_rule_api(Router& router, ApiContext& context, RuleApiParts parts, RuleApiForm form) {
  auto api = std::make_shared<RuleApi>(context, std::move(parts), std::move(form));
  auto add = [&](const char* method, const std::string& path, auto handler) {
    api->add(router, method, path, api, handler);
  };
  for (const std::string& root : api->form().roots) {
    add("GET", root,
        [](const RuleApi& self, const Tenant& tenant, const PathParameters& path, const HttpRequest&) {
          return self.list(tenant, path);
        });
    std::string name_space = root + "/{namespace}", group = name_space + "/{group}";
    add("GET", name_space,
        [](const RuleApi& self, const Tenant& tenant, const PathParameters& path, const HttpRequest&) {
          return self.list_namespace(tenant, path);
        });
    add("GET", group,
        [](const RuleApi& self, const Tenant& tenant, const PathParameters& path, const HttpRequest&) {
          return self.get_group(tenant, path);
        });
    add("POST", name_space,
        [](const RuleApi& self, const Tenant& tenant, const PathParameters& path,
           const HttpRequest& request) { return self.set_group(tenant, path, request.body); });
    add("DELETE", name_space,
        [](const RuleApi& self, const Tenant& tenant, const PathParameters& path, const HttpRequest&) {
          return self.remove_namespace(tenant, path);
        });
    add("DELETE", group,
        [](const RuleApi& self, const Tenant& tenant, const PathParameters& path, const HttpRequest&) {
          return self.remove_group(tenant, path);
        });
  }
  add("GET", api->form().status_root + "/rules",
      [](const RuleApi& self, const Tenant& tenant, const PathParameters& path,
         const HttpRequest& request) -> Result<HttpResponse> {
        OBELISK_TRY(Parameters parameters, parameters_of(request));
        return self.rules(tenant, path, parameters);
      });
  add("GET", api->form().status_root + "/alerts",
      [](const RuleApi& self, const Tenant& tenant, const PathParameters&, const HttpRequest&) {
        return self.alerts(tenant);
      });
}

}  // namespace obelisk
