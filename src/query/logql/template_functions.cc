#include "query/logql/template_functions.h"

#include <fmt/format.h>

#include "base/text.h"
#include "query/core/go_time.h"
#include "query/logql/template_arguments.h"

namespace obelisk::logql {
namespace {

using template_arguments::failed;
using template_arguments::text_at;
using Kind = TemplateValue::Kind;
using Value = Result<TemplateValue>;
using Arguments = TemplateArguments;
using Scope = TemplateScope;

Result<UnixNanos> time_at(Arguments arguments, size_t i) {
  if (arguments[i].kind() == Kind::time) return arguments[i].time();
  if (arguments[i].kind() == Kind::integer) return UnixNanos{arguments[i].integer() * kNanosPerSecond};
  return failed(fmt::format("wrong type for value; expected time.Time; got {}", arguments[i].type_name()));
}

template <int64_t kUnitNanos>
Value epoch(Arguments arguments, const Scope&) {
  OBELISK_TRY(UnixNanos time, time_at(arguments, 0));
  int64_t quotient = time.value / kUnitNanos - (time.value % kUnitNanos < 0 ? 1 : 0);
  return TemplateValue(std::to_string(quotient));
}

// The number of digits says the unit: 5 days, 10 seconds, 13 ms, 16 us, 19 ns.
Value unix_to_time(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view text, text_at(arguments, 0));
  std::optional<int64_t> number = parse_int64(text);
  if (!number) return failed(fmt::format("unable to parse time '{}'", text));
  switch (text.size()) {
    case 5:
      return TemplateValue(UnixNanos{*number * 86400 * kNanosPerSecond});
    case 10:
      return TemplateValue(UnixNanos{*number * kNanosPerSecond});
    case 13:
      return TemplateValue(UnixNanos{*number * kNanosPerMilli});
    case 16:
      return TemplateValue(UnixNanos{*number * 1000});
    case 19:
      return TemplateValue(UnixNanos{*number});
    default:
      return failed(fmt::format("unable to parse time '{}'", text));
  }
}

Value format_date(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view layout, text_at(arguments, 0));
  OBELISK_TRY(UnixNanos time, time_at(arguments, 1));
  return TemplateValue(format_go_time(time, layout));
}

Value to_date(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view layout, text_at(arguments, 0));
  OBELISK_TRY(std::string_view text, text_at(arguments, 1));
  OBELISK_TRY(UnixNanos time, parse_go_time(layout, text, "UTC"));
  return TemplateValue(time);
}

Value to_date_in_zone(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view layout, text_at(arguments, 0));
  OBELISK_TRY(std::string_view zone, text_at(arguments, 1));
  OBELISK_TRY(std::string_view text, text_at(arguments, 2));
  OBELISK_TRY(UnixNanos time, parse_go_time(layout, text, zone));
  return TemplateValue(time);
}

const RowTemplateContext& context_of(const Scope& scope) {
  return *static_cast<const RowTemplateContext*>(scope.caller);
}

Value line_of(Arguments, const Scope& scope) {
  return TemplateValue(context_of(scope).row->line);
}
Value timestamp_of(Arguments, const Scope& scope) {
  return TemplateValue(UnixNanos{context_of(scope).row->time});
}
Value now_of(Arguments, const Scope& scope) {
  return TemplateValue(context_of(scope).now);
}

TemplateFunctions make_table() {
  TemplateFunctions table;
  add_text_functions(table);
  add_number_functions(table);
  table["date"] = {2, 2, format_date};
  table["toDate"] = {2, 2, to_date};
  table["toDateInZone"] = {3, 3, to_date_in_zone};
  table["unixEpoch"] = {1, 1, epoch<kNanosPerSecond>};
  table["unixEpochMillis"] = {1, 1, epoch<kNanosPerMilli>};
  table["unixEpochNanos"] = {1, 1, epoch<1>};
  table["unixToTime"] = {1, 1, unix_to_time};
  table["now"] = {0, 0, now_of};
  table["__line__"] = {0, 0, line_of};
  table["__timestamp__"] = {0, 0, timestamp_of};
  return table;
}

}  // namespace

const TemplateFunctions& log_template_functions() {
  static const TemplateFunctions table = make_table();
  return table;
}

}  // namespace obelisk::logql
