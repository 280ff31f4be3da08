#include "query/promql/test_demand.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace obelisk::promql {
namespace {

std::string_view without_place(std::string_view message) {
  size_t open = message.rfind(" (");
  bool has_place = open != std::string_view::npos && message.ends_with(')') &&
                   message.find_first_not_of("0123456789:", open + 2) == message.size() - 1;
  return has_place ? message.substr(0, open) : message;
}

}  // namespace

bool MessageDemand::is_met_by(std::string_view given, bool places_count) const {
  if (regex) return !places_count || regex->matches(given);
  if (message.empty()) return true;
  return places_count ? message == given : without_place(message) == without_place(given);
}

std::string Demand::check(std::string_view kind, const std::vector<std::string>& given,
                          bool places_count) const {
  std::string all;
  for (const std::string& message : given) all += "\n      " + message;
  if (forbidden && !given.empty()) return fmt::format("unexpected {}:{}", kind, all);
  if (!wanted) return "";
  if (given.empty()) return fmt::format("expected a {}, there was none", kind);
  for (const MessageDemand& one : messages) {
    auto meets = [&](const std::string& message) { return one.is_met_by(message, places_count); };
    if (std::none_of(given.begin(), given.end(), meets))
      return fmt::format("expected {} {}, got{}", kind, one.message, all);
  }
  for (const std::string& message : given) {
    auto asks = [&](const MessageDemand& one) { return one.is_met_by(message, places_count); };
    if (!messages.empty() && std::none_of(messages.begin(), messages.end(), asks))
      return fmt::format("unexpected {} {}", kind, message);
  }
  return "";
}

Result<MessageDemand> parse_message_demand(std::string_view text) {
  text = trim(text);
  MessageDemand demand;
  if (text.starts_with("msg:")) {
    demand.message = trim(text.substr(4));
  } else if (text.starts_with("regex:")) {
    OBELISK_TRY(demand.regex, Regex::compile(trim(text.substr(6)), Regex::Mode::searching));
  } else if (!text.empty()) {
    return make_error(ErrorCode::parse_error, "expected msg: or regex:");
  }
  return demand;
}

}  // namespace obelisk::promql
