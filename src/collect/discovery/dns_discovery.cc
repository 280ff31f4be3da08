// dns_sd_configs: SRV, A, AAAA, MX and NS records, asked of the system's name servers (libresolv, with its
// search list; a truncated answer is asked for again over TCP).
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <cstring>

#include "base/log.h"
#include "base/text.h"
#include "collect/discovery/discoverer.h"

namespace obelisk::collect {
namespace {

constexpr size_t kAnswerMax = 65'536;  // what DNS over TCP can carry

std::string without_dot(std::string name) {
  if (name.ends_with('.')) name.pop_back();
  return name;
}

class DnsDiscoverer : public Discoverer {
 public:
  DnsDiscoverer(DnsDiscovery settings, std::string server)
      : settings_(std::move(settings)), server_(std::move(server)) {}

  Result<std::vector<TargetGroup>> discover(const std::atomic<bool>& stop) override {
    std::vector<TargetGroup> groups;
    std::string failed;
    for (const std::string& name : settings_.names) {
      if (stop) break;
      Result<TargetGroup> group = look_up(name);
      if (!group.ok()) {
        failed += (failed.empty() ? "" : "; ") + group.error().message;
        // The others go on, and this one keeps what it had.
        for (const TargetGroup& before : last_) {
          if (before.source == name) groups.push_back(before);
        }
        continue;
      }
      groups.push_back(std::move(*group));
    }
    last_ = groups;
    if (groups.empty() && !failed.empty()) return make_error(ErrorCode::unavailable, failed);
    if (!failed.empty() && failed != last_failed_) log_warning("discovery", failed);
    last_failed_ = failed;
    return groups;
  }
  int64_t pause_nanos() const override { return settings_.refresh_nanos; }

 private:
  int record_type() const {
    switch (settings_.type) {
      case DnsDiscovery::Type::srv:
        return ns_t_srv;
      case DnsDiscovery::Type::a:
        return ns_t_a;
      case DnsDiscovery::Type::aaaa:
        return ns_t_aaaa;
      case DnsDiscovery::Type::mx:
        return ns_t_mx;
      case DnsDiscovery::Type::ns:
        return ns_t_ns;
    }
    return ns_t_srv;
  }

  void use_server(struct __res_state& state) const {
    if (server_.empty()) return;
    size_t colon = server_.rfind(':');
    state.nscount = 1;
    state.nsaddr_list[0] = {};
    state.nsaddr_list[0].sin_family = AF_INET;
    state.nsaddr_list[0].sin_port =
        htons(static_cast<uint16_t>(parse_uint64(server_.substr(colon + 1)).value_or(53)));
    inet_pton(AF_INET, server_.substr(0, colon).c_str(), &state.nsaddr_list[0].sin_addr);
    state.retrans = 1;
    state.retry = 1;
  }

  Result<TargetGroup> look_up(const std::string& name) const {
    struct __res_state state {};
    if (res_ninit(&state) != 0) return make_error(ErrorCode::unavailable, "DNS: no resolver configuration");
    use_server(state);
    std::vector<unsigned char> answer(kAnswerMax);
    int length = !name.ends_with('.') ? res_nsearch(&state, name.c_str(), ns_c_in, record_type(),
                                                    answer.data(), static_cast<int>(answer.size()))
                                      : res_nquery(&state, name.c_str(), ns_c_in, record_type(),
                                                   answer.data(), static_cast<int>(answer.size()));
    int problem = state.res_h_errno;
    res_nclose(&state);
    TargetGroup group;
    group.source = name;
    if (length < 0) {
      if (problem == HOST_NOT_FOUND || problem == NO_DATA) return group;  // an answer: there are none
      return make_error(ErrorCode::unavailable, fmt::format("DNS: {}: {}", name, hstrerror(problem)));
    }
    ns_msg message;
    if (ns_initparse(answer.data(), std::min(length, static_cast<int>(answer.size())), &message) != 0)
      return make_error(ErrorCode::parse_error, fmt::format("DNS: {}: a malformed answer", name));
    for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
      ns_rr record;
      if (ns_parserr(&message, ns_s_an, i, &record) != 0)
        return make_error(ErrorCode::parse_error, fmt::format("DNS: {}: a malformed record", name));
      if (ns_rr_type(record) == record_type()) add_record(name, message, record, group);
    }
    return group;
  }

  static std::string name_in(const ns_msg& message, const unsigned char* at) {
    char text[NS_MAXDNAME] = {};
    if (ns_name_uncompress(ns_msg_base(message), ns_msg_end(message), at, text, sizeof text) < 0) return "";
    return text;
  }

  void add_record(const std::string& name, const ns_msg& message, const ns_rr& record,
                  TargetGroup& group) const {
    const unsigned char* data = ns_rr_rdata(record);
    size_t size = ns_rr_rdlen(record);
    std::string port = fmt::format("{}", settings_.port);
    Labels labels{{"__meta_dns_name", name}};
    char text[INET6_ADDRSTRLEN] = {};
    std::string host;
    switch (settings_.type) {
      case DnsDiscovery::Type::srv: {
        if (size < 7) return;
        host = name_in(message, data + 6);
        port = fmt::format("{}", data[4] << 8 | data[5]);
        labels.set("__meta_dns_srv_record_target", host + ".");
        labels.set("__meta_dns_srv_record_port", port);
        break;
      }
      case DnsDiscovery::Type::a:
        if (size != 4 || inet_ntop(AF_INET, data, text, sizeof text) == nullptr) return;
        host = text;
        break;
      case DnsDiscovery::Type::aaaa:
        if (size != 16 || inet_ntop(AF_INET6, data, text, sizeof text) == nullptr) return;
        host = text;
        break;
      case DnsDiscovery::Type::mx:
        if (size < 3) return;
        host = name_in(message, data + 2);
        labels.set("__meta_dns_mx_record_target", host + ".");
        break;
      case DnsDiscovery::Type::ns:
        host = name_in(message, data);
        labels.set("__meta_dns_ns_record_target", host + ".");
        break;
    }
    if (host.empty()) return;
    labels.set("__address__", join_host_port(without_dot(host), port));
    group.targets.push_back(std::move(labels));
  }

  const DnsDiscovery settings_;
  const std::string server_;
  std::vector<TargetGroup> last_;
  std::string last_failed_;
};

}  // namespace

std::unique_ptr<Discoverer> make_dns_discoverer(DnsDiscovery settings, std::string server) {
  return std::make_unique<DnsDiscoverer>(std::move(settings), std::move(server));
}

}  // namespace obelisk::collect
