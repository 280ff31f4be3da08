// The functions of log templates that work on text and with regular expressions.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "base/text.h"
#include "query/core/go_regex.h"
#include "query/core/query_escape.h"
#include "query/core/utf8_runes.h"
#include "query/logql/line_regex.h"
#include "query/logql/template_arguments.h"
#include "query/logql/template_json.h"
#include "wire/base64.h"

namespace obelisk::logql {
namespace {

using template_arguments::failed;
using template_arguments::integer_at;
using template_arguments::text_at;
using Kind = TemplateValue::Kind;
using Value = Result<TemplateValue>;
using Arguments = TemplateArguments;
using Scope = TemplateScope;

template <typename Change>
TemplateFunctionEntry one_text(Change change) {
  return {1, 1, [change](Arguments arguments, const Scope&) -> Value {
            OBELISK_TRY(std::string_view text, text_at(arguments, 0));
            return TemplateValue(change(text));
          }};
}

template <typename Change>
TemplateFunctionEntry two_texts(Change change) {
  return {2, 2, [change](Arguments arguments, const Scope&) -> Value {
            OBELISK_TRY(std::string_view first, text_at(arguments, 0));
            OBELISK_TRY(std::string_view second, text_at(arguments, 1));
            return TemplateValue(change(first, second));
          }};
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return out;
}

std::string title(std::string_view text) {
  std::string out(text);
  bool at_start = true;
  for (char& c : out) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
    if (at_start && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    at_start = !letter && !(c >= '0' && c <= '9') && c != '_' && c != '\'';
  }
  return out;
}

std::string_view trim_set(std::string_view text, std::string_view set, bool left, bool right) {
  size_t begin = left ? text.find_first_not_of(set) : 0;
  if (begin == std::string_view::npos) return {};
  size_t end = right ? text.find_last_not_of(set) : text.size() - 1;
  if (text.empty() || end == std::string_view::npos || end + 1 < begin) return {};
  return text.substr(begin, end + 1 - begin);
}

constexpr std::string_view kBlanks = " \t\n\v\f\r";

std::string_view without_prefix(std::string_view text, std::string_view prefix) {
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  return text;
}

std::string_view without_suffix(std::string_view text, std::string_view suffix) {
  if (text.ends_with(suffix)) text.remove_suffix(suffix.size());
  return text;
}

Result<std::string> replaced(std::string_view text, std::string_view old, std::string_view with,
                             int64_t count) {
  std::string out;
  size_t at = 0;
  for (int64_t done = 0; count < 0 || done < count; ++done) {
    size_t found = 0;
    if (old.empty()) {
      // Go inserts before every rune and at the end.
      if (at > text.size()) break;
      out += with;
      if (at == text.size()) {
        ++at;
        continue;
      }
      size_t length = decode_rune(text.substr(at)).length;
      out += text.substr(at, length);
      at += length;
      if (out.size() > GoTemplate::kOutputBytesMax) return failed("result longer than 1 MiB");
      continue;
    }
    found = text.find(old, at);
    if (found == std::string_view::npos) break;
    out += text.substr(at, found - at);
    out += with;
    at = found + old.size();
    if (out.size() > GoTemplate::kOutputBytesMax) return failed("result longer than 1 MiB");
  }
  if (at < text.size()) out += text.substr(at);
  return out;
}

Value trunc(Arguments arguments, const Scope&) {
  OBELISK_TRY(int64_t count, integer_at(arguments, 0));
  OBELISK_TRY(std::string_view text, text_at(arguments, 1));
  int64_t size = static_cast<int64_t>(rune_count(text));
  if (count >= 0) return TemplateValue(rune_prefix(text, static_cast<size_t>(count)));
  if (-count >= size) return TemplateValue(text);
  return TemplateValue(text.substr(rune_prefix(text, static_cast<size_t>(size + count)).size()));
}

Value substr(Arguments arguments, const Scope&) {
  OBELISK_TRY(int64_t start, integer_at(arguments, 0));
  OBELISK_TRY(int64_t end, integer_at(arguments, 1));
  OBELISK_TRY(std::string_view text, text_at(arguments, 2));
  int64_t size = static_cast<int64_t>(rune_count(text));
  if (start < 0) start = 0;
  if (end < 0 || end > size) end = size;
  if (start > end) return failed(fmt::format("slice bounds out of range [{}:{}]", start, end));
  size_t from = rune_prefix(text, static_cast<size_t>(start)).size();
  return TemplateValue(rune_prefix(text.substr(from), static_cast<size_t>(end - start)));
}

Value repeat(Arguments arguments, const Scope&) {
  OBELISK_TRY(int64_t count, integer_at(arguments, 0));
  OBELISK_TRY(std::string_view text, text_at(arguments, 1));
  if (count < 0) return failed("strings: negative Repeat count");
  if (!text.empty() && static_cast<uint64_t>(count) > GoTemplate::kOutputBytesMax / text.size()) {
    return failed("result longer than 1 MiB");
  }
  std::string out;
  for (int64_t i = 0; i < count && !text.empty(); ++i) out += text;
  return TemplateValue(std::move(out));
}

// Exactly `count` runes, cut or filled with blanks.
template <bool kLeft>
Value align(Arguments arguments, const Scope&) {
  OBELISK_TRY(int64_t count, integer_at(arguments, 0));
  OBELISK_TRY(std::string_view text, text_at(arguments, 1));
  if (count < 0) return TemplateValue(text);
  if (count > static_cast<int64_t>(GoTemplate::kOutputBytesMax)) return failed("result longer than 1 MiB");
  size_t size = rune_count(text);
  size_t wanted = static_cast<size_t>(count);
  if (size >= wanted) {
    return TemplateValue(kLeft ? rune_prefix(text, wanted)
                               : text.substr(rune_prefix(text, size - wanted).size()));
  }
  std::string padding(wanted - size, ' ');
  return TemplateValue(kLeft ? std::string(text) + padding : padding + std::string(text));
}

Result<std::string> indented(Arguments arguments) {
  OBELISK_TRY(int64_t count, integer_at(arguments, 0));
  OBELISK_TRY(std::string_view text, text_at(arguments, 1));
  if (count < 0 || count > 10'000) return failed("indent: count must be between 0 and 10000");
  std::string padding(static_cast<size_t>(count), ' ');
  OBELISK_TRY(std::string out, replaced(text, "\n", "\n" + padding, -1));
  return padding + out;
}

Value url_decoded(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view text, text_at(arguments, 0));
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%') {
      std::optional<std::string> byte = from_hex(text.substr(i + 1, 2));
      if (!byte || byte->size() != 1)
        return failed(fmt::format("invalid URL escape \"{}\"", text.substr(i, 3)));
      out += *byte;
      i += 2;
    } else {
      out += text[i];
    }
  }
  return TemplateValue(std::move(out));
}

Value base64_decoded(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view text, text_at(arguments, 0));
  std::optional<std::string> bytes = base64_decode(text);
  if (!bytes) return failed("illegal base64 data");
  return TemplateValue(std::move(*bytes));
}

// Patterns are constants of the template as a rule: the last few stay compiled, per thread.
Result<std::shared_ptr<const Regex>> compiled(std::string_view pattern) {
  constexpr size_t kKept = 64;
  thread_local std::unordered_map<std::string, std::shared_ptr<const Regex>> cache;
  if (auto found = cache.find(std::string(pattern)); found != cache.end()) return found->second;
  OBELISK_TRY(std::shared_ptr<const Regex> regex, compile_line_regex(pattern));
  if (cache.size() >= kKept) cache.clear();
  cache.emplace(pattern, regex);
  return regex;
}

template <bool kLiteral>
Value regex_replace(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view pattern, text_at(arguments, 0));
  OBELISK_TRY(std::string_view text, text_at(arguments, 1));
  OBELISK_TRY(std::string_view replacement, text_at(arguments, 2));
  OBELISK_TRY(std::shared_ptr<const Regex> regex, compiled(pattern));
  return TemplateValue(replace_all_matches(*regex, text, replacement, kLiteral, GoTemplate::kOutputBytesMax));
}

Value count_matches(Arguments arguments, const Scope&) {
  OBELISK_TRY(std::string_view pattern, text_at(arguments, 0));
  OBELISK_TRY(std::string_view text, text_at(arguments, 1));
  OBELISK_TRY(std::shared_ptr<const Regex> regex, compiled(pattern));
  // Each match becomes one NUL; the text's own are left out.
  std::string own(text);
  std::erase(own, '\0');
  std::string marked =
      replace_all_matches(*regex, own, std::string_view("\0", 1), true, std::numeric_limits<size_t>::max());
  return TemplateValue(static_cast<int64_t>(std::count(marked.begin(), marked.end(), '\0')));
}

Value default_of(Arguments arguments, const Scope&) {
  if (arguments.size() < 2) return arguments[0];
  return arguments[1].is_true() ? arguments[1] : arguments[0];
}

}  // namespace

void add_text_functions(TemplateFunctions& table) {
  using View = std::string_view;
  table["lower"] = table["ToLower"] = one_text([](View text) { return to_lower(text); });
  table["upper"] = table["ToUpper"] = one_text([](View text) { return upper(text); });
  table["title"] = one_text([](View text) { return title(text); });
  table["trim"] = table["TrimSpace"] =
      one_text([](View text) { return trim_set(text, kBlanks, true, true); });
  table["trimAll"] = two_texts([](View set, View text) { return trim_set(text, set, true, true); });
  table["Trim"] = two_texts([](View text, View set) { return trim_set(text, set, true, true); });
  table["TrimLeft"] = two_texts([](View text, View set) { return trim_set(text, set, true, false); });
  table["TrimRight"] = two_texts([](View text, View set) { return trim_set(text, set, false, true); });
  table["trimPrefix"] = two_texts([](View prefix, View text) { return without_prefix(text, prefix); });
  table["TrimPrefix"] = two_texts([](View text, View prefix) { return without_prefix(text, prefix); });
  table["trimSuffix"] = two_texts([](View suffix, View text) { return without_suffix(text, suffix); });
  table["TrimSuffix"] = two_texts([](View text, View suffix) { return without_suffix(text, suffix); });
  table["hasPrefix"] = two_texts([](View prefix, View text) { return text.starts_with(prefix); });
  table["hasSuffix"] = two_texts([](View suffix, View text) { return text.ends_with(suffix); });
  table["contains"] = two_texts([](View part, View text) { return text.find(part) != View::npos; });
  table["replace"] = {3, 3, [](Arguments arguments, const Scope&) -> Value {
                        OBELISK_TRY(View old, text_at(arguments, 0));
                        OBELISK_TRY(View with, text_at(arguments, 1));
                        OBELISK_TRY(View text, text_at(arguments, 2));
                        OBELISK_TRY(std::string out, replaced(text, old, with, -1));
                        return TemplateValue(std::move(out));
                      }};
  table["Replace"] = {4, 4, [](Arguments arguments, const Scope&) -> Value {
                        OBELISK_TRY(View text, text_at(arguments, 0));
                        OBELISK_TRY(View old, text_at(arguments, 1));
                        OBELISK_TRY(View with, text_at(arguments, 2));
                        OBELISK_TRY(int64_t count, integer_at(arguments, 3));
                        OBELISK_TRY(std::string out, replaced(text, old, with, count));
                        return TemplateValue(std::move(out));
                      }};
  table["trunc"] = {2, 2, trunc};
  table["substr"] = {3, 3, substr};
  table["repeat"] = {2, 2, repeat};
  table["alignLeft"] = {2, 2, align<true>};
  table["alignRight"] = {2, 2, align<false>};
  table["indent"] = {2, 2, [](Arguments arguments, const Scope&) -> Value {
                       OBELISK_TRY(std::string out, indented(arguments));
                       return TemplateValue(std::move(out));
                     }};
  table["nindent"] = {2, 2, [](Arguments arguments, const Scope&) -> Value {
                        OBELISK_TRY(std::string out, indented(arguments));
                        return TemplateValue("\n" + out);
                      }};
  table["urlencode"] = one_text([](View text) { return query_escape(text); });
  table["urldecode"] = {1, 1, url_decoded};
  table["b64enc"] = one_text([](View text) { return base64_encode(text); });
  table["b64dec"] = {1, 1, base64_decoded};
  table["regexReplaceAll"] = {3, 3, regex_replace<false>};
  table["regexReplaceAllLiteral"] = {3, 3, regex_replace<true>};
  table["count"] = {2, 2, count_matches};
  table["default"] = {1, 2, default_of};
  table["fromJson"] = {1, 1, [](Arguments arguments, const Scope&) -> Value {
                         OBELISK_TRY(View text, text_at(arguments, 0));
                         return template_value_of_json(text);
                       }};
}

}  // namespace obelisk::logql
