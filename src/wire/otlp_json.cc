#include "wire/otlp_json.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <cmath>
#include <limits>
#include <protozero/pbf_writer.hpp>
#include <vector>

#include "base/text.h"
#include "wire/base64.h"
#include "wire/otlp_json_schema.h"
#include "wire/protobuf.h"

namespace obelisk {
namespace {

namespace dom = simdjson::dom;
using protobuf::Malformed;
using Writer = protozero::pbf_writer;

class JsonTranslator {
 public:
  void translate(dom::element element, const JsonMessage& message, Writer& out) {
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS) refuse("expected an object");
    if (++depth_ > kOtlpJsonDepthMax) refuse(fmt::format("nested deeper than {} levels", kOtlpJsonDepthMax));
    for (dom::key_value_pair pair : object) {
      const JsonField* field = find(message, pair.key);
      if (field == nullptr || pair.value.is_null()) continue;
      path_.push_back({field->key, 0});
      if (field->repeated) {
        translate_array(pair.value, *field, out);
      } else {
        translate_value(pair.value, *field, out);
      }
      path_.pop_back();
    }
    --depth_;
  }

  // "resourceSpans[0].resource"
  std::string path() const {
    std::string text;
    for (const Step& step : path_) {
      if (step.key.empty()) {
        text += fmt::format("[{}]", step.index);
      } else {
        text += (text.empty() ? "" : ".") + std::string(step.key);
      }
    }
    return text;
  }

 private:
  struct Step {
    std::string_view key;  // empty for an array element
    size_t index = 0;
  };

  [[noreturn]] static void refuse(std::string reason) { throw Malformed{std::move(reason)}; }

  static const JsonField* find(const JsonMessage& message, std::string_view key) {
    for (const JsonField& field : message.fields) {
      if (field.key == key) return &field;
    }
    return nullptr;
  }

  void translate_array(dom::element element, const JsonField& field, Writer& out) {
    dom::array array;
    if (element.get(array) != simdjson::SUCCESS) refuse("expected an array");
    size_t index = 0;
    for (dom::element item : array) {
      path_.push_back({{}, index++});
      translate_value(item, field, out);
      path_.pop_back();
    }
  }

  void translate_value(dom::element element, const JsonField& field, Writer& out) {
    switch (field.kind) {
      case JsonKind::text:
        add_text(element, field, out);
        break;
      case JsonKind::hex:
        out.add_bytes(field.number, decoded(from_hex(string_of(element)), "hexadecimal"));
        break;
      case JsonKind::base64:
        out.add_bytes(field.number, decoded(base64_decode(string_of(element)), "base64"));
        break;
      case JsonKind::boolean:
        out.add_bool(field.number, boolean_of(element));
        break;
      case JsonKind::int32:
        out.add_int32(field.number, signed_of<int32_t>(element));
        break;
      case JsonKind::uint32:
        out.add_uint32(field.number, unsigned_of<uint32_t>(element));
        break;
      case JsonKind::int64:
        out.add_int64(field.number, signed_of<int64_t>(element));
        break;
      case JsonKind::uint64:
        out.add_uint64(field.number, unsigned_of<uint64_t>(element));
        break;
      case JsonKind::sint32:
        out.add_sint32(field.number, signed_of<int32_t>(element));
        break;
      case JsonKind::fixed32:
        out.add_fixed32(field.number, unsigned_of<uint32_t>(element));
        break;
      case JsonKind::fixed64:
        out.add_fixed64(field.number, unsigned_of<uint64_t>(element));
        break;
      case JsonKind::sfixed64:
        out.add_sfixed64(field.number, signed_of<int64_t>(element));
        break;
      case JsonKind::float64:
        out.add_double(field.number, double_of(element));
        break;
      case JsonKind::message: {
        Writer inner(out, field.number);
        translate(element, *field.message, inner);
        break;
      }
    }
  }

  static void add_text(dom::element element, const JsonField& field, Writer& out) {
    std::string_view text = string_of(element);
    out.add_string(field.number, text.data(), text.size());
  }

  static std::string_view string_of(dom::element element) {
    std::string_view text;
    if (element.get(text) != simdjson::SUCCESS) refuse("expected a string");
    return text;
  }

  static bool boolean_of(dom::element element) {
    bool flag = false;
    if (element.get(flag) != simdjson::SUCCESS) refuse("expected true or false");
    return flag;
  }

  static std::string decoded(std::optional<std::string> bytes, const char* what) {
    if (!bytes) refuse(fmt::format("not {}", what));
    return std::move(*bytes);
  }

  // A number that JSON wrote with a fraction or exponent, or as a string, and that is whole all the same.
  template <typename Integer>
  static Integer whole(double number) {
    constexpr double kLimit =
        9007199254740992.0;  // beyond 2^53 a double no longer says which integer was meant
    if (std::floor(number) != number || std::fabs(number) > kLimit) refuse("expected an integer");
    return checked<Integer>(static_cast<int64_t>(number));
  }

  template <typename Integer, typename Wide>
  static Integer checked(Wide number) {
    if (!std::in_range<Integer>(number)) refuse("the number is out of range");
    return static_cast<Integer>(number);
  }

  template <typename Integer>
  static Integer signed_of(dom::element element) {
    if (element.is_string()) {
      std::optional<int64_t> number = parse_int64(string_of(element));
      if (!number) refuse("expected an integer");
      return checked<Integer>(*number);
    }
    int64_t number = 0;
    if (element.get(number) == simdjson::SUCCESS) return checked<Integer>(number);
    return whole<Integer>(number_of(element));
  }

  template <typename Integer>
  static Integer unsigned_of(dom::element element) {
    if (element.is_string()) {
      std::optional<uint64_t> number = parse_uint64(string_of(element));
      if (!number) refuse("expected an integer that is not negative");
      return checked<Integer>(*number);
    }
    uint64_t number = 0;
    if (element.get(number) == simdjson::SUCCESS) return checked<Integer>(number);
    return whole<Integer>(number_of(element));
  }

  static double number_of(dom::element element) {
    double number = 0;
    if (element.get(number) != simdjson::SUCCESS) refuse("expected a number");
    return number;
  }

  static double double_of(dom::element element) {
    if (!element.is_string()) return number_of(element);
    std::string_view text = string_of(element);
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (text == "Infinity") return std::numeric_limits<double>::infinity();
    if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
    std::optional<double> number = parse_float(text);
    if (!number) refuse("expected a number");
    return *number;
  }

  std::vector<Step> path_;
  int depth_ = 0;
};

}  // namespace

Result<std::shared_ptr<const std::string>> otlp_json_to_protobuf(OtlpSignal signal, std::string_view json) {
  auto fail = [](std::string message) {
    return make_error(ErrorCode::invalid_argument, fmt::format("OTLP JSON: {}", message));
  };
  dom::parser parser;
  dom::element root;
  // The parser copies the body: it needs padding behind it.
  if (simdjson::error_code code = parser.parse(json.data(), json.size()).get(root);
      code != simdjson::SUCCESS) {
    return fail(simdjson::error_message(code));
  }
  auto body = std::make_shared<std::string>();
  JsonTranslator translator;
  try {
    Writer out(*body);
    translator.translate(root, otlp_json_request(signal), out);
  } catch (const Malformed& problem) {
    std::string path = translator.path();
    return fail(path.empty() ? problem.reason : fmt::format("{}: {}", path, problem.reason));
  }
  return std::shared_ptr<const std::string>(std::move(body));
}

}  // namespace obelisk
