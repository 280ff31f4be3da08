#include "plan/expression_codec.h"

#include <bit>

#include "codec/byte_reader.h"

namespace obelisk {
namespace {

// Numbers of the format, which do not follow the enums of the code.
enum Kind : uint8_t {
  kAlways = 0,
  kCompare = 1,
  kContains = 2,
  kMatches = 3,
  kExists = 4,
  kInTraceIds = 5,
  kAllOf = 6,
  kAnyOf = 7,
  kNotOf = 8,
  kExistsAs = 9,
};
enum LiteralKind : uint8_t { kBoolean = 0, kInteger = 1, kReal = 2, kText = 3 };
constexpr size_t kTraceIdBytes = 16;

void put_u8(std::string& out, uint8_t value) {
  out.push_back(static_cast<char>(value));
}

class Encoder {
 public:
  Result<void> put(const Expr& expr, int depth) {
    if (depth > kExpressionDepthMax || ++nodes_ > kExpressionNodesMax)
      return make_error(ErrorCode::too_large, "the predicate has too many parts, or too many levels");
    switch (expr.kind()) {
      case Expr::Kind::always:
        put_u8(out, kAlways);
        return {};
      case Expr::Kind::compare:
        put_leaf(kCompare, expr);
        put_u8(out, static_cast<uint8_t>(expr.op()));
        put_literal(expr.literal());
        return {};
      case Expr::Kind::contains:
        put_leaf(kContains, expr);
        put_literal(expr.literal());
        return {};
      case Expr::Kind::matches:
        put_leaf(kMatches, expr);
        put_u8(out, expr.regex()->mode() == Regex::Mode::anchored ? 0 : 1);
        append_text(out, expr.regex()->pattern());
        return {};
      case Expr::Kind::exists:
        put_leaf(expr.type() ? kExistsAs : kExists, expr);
        if (expr.type()) put_u8(out, static_cast<uint8_t>(*expr.type()));
        return {};
      case Expr::Kind::in_trace_ids:
        put_leaf(kInTraceIds, expr);
        append_varint(out, expr.trace_ids()->size());
        for (const TraceId& id : *expr.trace_ids()) out.append(id.view());
        return {};
      case Expr::Kind::all_of:
        return put_children(kAllOf, expr, depth);
      case Expr::Kind::any_of:
        return put_children(kAnyOf, expr, depth);
      case Expr::Kind::not_of:
        put_u8(out, kNotOf);
        return put(expr.children()[0], depth + 1);
    }
    return make_error(ErrorCode::internal, "a predicate of an unknown kind");
  }

  std::string out;

 private:
  void put_leaf(Kind kind, const Expr& expr) {
    put_u8(out, kind);
    put_u8(out, static_cast<uint8_t>(expr.column().scope));
    append_text(out, expr.column().name);
  }
  void put_literal(const Literal& literal) {
    if (const bool* flag = std::get_if<bool>(&literal)) {
      put_u8(out, kBoolean);
      put_u8(out, *flag ? 1 : 0);
    } else if (const int64_t* number = std::get_if<int64_t>(&literal)) {
      put_u8(out, kInteger);
      append_signed_varint(out, *number);
    } else if (const double* real = std::get_if<double>(&literal)) {
      put_u8(out, kReal);
      append_fixed(out, std::bit_cast<uint64_t>(*real));
    } else {
      put_u8(out, kText);
      append_text(out, std::get<std::string>(literal));
    }
  }
  Result<void> put_children(Kind kind, const Expr& expr, int depth) {
    put_u8(out, kind);
    append_varint(out, expr.children().size());
    for (const Expr& child : expr.children()) OBELISK_CHECK_OK(put(child, depth + 1));
    return {};
  }

  uint64_t nodes_ = 0;
};

Error corrupt() {
  return make_error(ErrorCode::corrupt, "predicate: bytes end early, or are none of this format");
}

class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : reader_(bytes) {}

  bool at_end() const { return reader_.at_end(); }

  Result<Expr> expression(int depth) {
    if (depth > kExpressionDepthMax || ++nodes_ > kExpressionNodesMax) return corrupt();
    uint8_t kind = reader_.u8();
    if (reader_.failed()) return corrupt();
    switch (kind) {
      case kAlways:
        return Expr();
      case kAllOf:
      case kAnyOf: {
        OBELISK_TRY(std::vector<Expr> parts, children(depth));
        return kind == kAllOf ? Expr::all_of(std::move(parts)) : Expr::any_of(std::move(parts));
      }
      case kNotOf: {
        OBELISK_TRY(Expr child, expression(depth + 1));
        return Expr::not_of(std::move(child));
      }
      default:
        return leaf(kind);
    }
  }

 private:
  Result<std::vector<Expr>> children(int depth) {
    std::vector<Expr> parts;
    for (uint64_t left = reader_.varint_up_to(reader_.left()); left > 0 && !reader_.failed(); --left) {
      OBELISK_TRY(Expr child, expression(depth + 1));
      parts.push_back(std::move(child));
    }
    if (reader_.failed()) return corrupt();
    return parts;
  }

  Result<Expr> leaf(uint8_t kind) {
    uint8_t scope = reader_.u8();
    ColumnId column{static_cast<Scope>(scope), std::string(reader_.text())};
    if (reader_.failed() || scope > static_cast<uint8_t>(kScopeMax)) return corrupt();
    switch (kind) {
      case kCompare: {
        uint8_t op = reader_.u8();
        OBELISK_TRY(Literal value, literal());
        if (op > static_cast<uint8_t>(CompareOp::greater_equal)) return corrupt();
        return Expr::compare(std::move(column), static_cast<CompareOp>(op), std::move(value));
      }
      case kContains: {
        OBELISK_TRY(Literal needle, literal());
        std::string* text = std::get_if<std::string>(&needle);
        if (text == nullptr) return corrupt();
        return Expr::contains(std::move(column), std::move(*text));
      }
      case kMatches: {
        uint8_t mode = reader_.u8();
        std::string_view pattern = reader_.text();
        if (reader_.failed() || mode > 1) return corrupt();
        OBELISK_TRY(std::shared_ptr<const Regex> regex,
                    Regex::compile(pattern, mode == 0 ? Regex::Mode::anchored : Regex::Mode::searching));
        return Expr::matches(std::move(column), std::move(regex));
      }
      case kExists:
        return Expr::exists(std::move(column));
      case kExistsAs: {
        uint8_t type = reader_.u8();
        if (reader_.failed() || type > static_cast<uint8_t>(ColumnType::any)) return corrupt();
        return Expr::exists(std::move(column), static_cast<ColumnType>(type));
      }
      case kInTraceIds:
        return trace_ids(std::move(column));
      default:
        return corrupt();
    }
  }

  Result<Literal> literal() {
    Literal value;
    switch (reader_.u8()) {
      case kBoolean:
        value = reader_.u8() != 0;
        break;
      case kInteger:
        value = reader_.signed_varint();
        break;
      case kReal:
        value = std::bit_cast<double>(reader_.u64());
        break;
      case kText:
        value = std::string(reader_.text());
        break;
      default:
        reader_.fail();
    }
    if (reader_.failed()) return corrupt();
    return value;
  }

  Result<Expr> trace_ids(ColumnId column) {
    auto ids = std::make_shared<TraceIdSet>();
    for (uint64_t left = reader_.varint_up_to(reader_.left() / kTraceIdBytes); left > 0; --left) {
      std::optional<TraceId> id = TraceId::from_bytes(reader_.bytes(kTraceIdBytes));
      if (!id) return corrupt();
      ids->insert(*id);
    }
    if (reader_.failed()) return corrupt();
    return Expr::in_trace_ids(std::move(column), std::move(ids));
  }

  ByteReader reader_;
  uint64_t nodes_ = 0;
};

}  // namespace

Result<std::string> encode_expression(const Expr& expr) {
  Encoder encoder;
  OBELISK_CHECK_OK(encoder.put(expr, 0));
  return std::move(encoder.out);
}

Result<Expr> decode_expression(std::string_view bytes) {
  Decoder decoder(bytes);
  OBELISK_TRY(Expr expr, decoder.expression(0));
  if (!decoder.at_end()) return corrupt();
  return expr;
}

}  // namespace obelisk
