#pragma once
// What the `expect` lines of a query script ask of the failure, the warnings or the infos. Values, safe from
// any thread.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "plan/regex.h"

namespace obelisk::promql {

// What one line wants of a message: this text, this pattern, or (neither) any text.
struct MessageDemand {
  std::string message;
  std::shared_ptr<const Regex> regex;

  // Where places do not count, the " (line:column)" of a text does not, and patterns do not at all: they may
  // name one.
  bool is_met_by(std::string_view message, bool places_count) const;
};

// Each message that is asked for must be there, and once any is, each that is there must have been asked for.
struct Demand {
  bool wanted = false;
  bool forbidden = false;
  std::vector<MessageDemand> messages;

  // What is wrong with the messages, or nothing. `kind`: warn or info.
  std::string check(std::string_view kind, const std::vector<std::string>& given, bool places_count) const;
};

// "msg: text", "regex: pattern" or nothing.
Result<MessageDemand> parse_message_demand(std::string_view text);

}  // namespace obelisk::promql
