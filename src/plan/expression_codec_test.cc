// Goal: a predicate comes back from its bytes with the same meaning, and no damaged or hostile bytes get
// further than an error.
#include "plan/expression_codec.h"

#include <gtest/gtest.h>

#include "codec/varint.h"

namespace obelisk {
namespace {

Expr example() {
  auto anchored = *Regex::compile("a|b.*", Regex::Mode::anchored);
  auto searching = *Regex::compile("card (declined|lost)", Regex::Mode::searching);
  auto ids = std::make_shared<TraceIdSet>();
  ids->insert(*TraceId::from_hex("0102030405060708090a0b0c0d0e0f10"));
  return Expr::all_of(
      {Expr::compare(label_column("job"), CompareOp::not_equal, std::string("x\0y", 3)),
       Expr::matches(label_column("instance"), anchored),
       Expr::any_of({Expr::contains(fixed_column(column::kLine), "needle"),
                     Expr::matches(fixed_column(column::kLine), searching),
                     Expr::not_of(Expr::exists(ColumnId{Scope::attribute, "user"})),
                     Expr::exists(ColumnId{Scope::event, "exception.type"}, ColumnType::any),
                     Expr::compare(ColumnId{Scope::resource, "n"}, CompareOp::greater, int64_t{-5}),
                     Expr::compare(ColumnId{Scope::resource, "n"}, CompareOp::less_equal, 0.25),
                     Expr::compare(ColumnId{Scope::instrumentation, "b"}, CompareOp::equal, true)}),
       Expr::in_trace_ids(fixed_column(column::kTraceId), ids), Expr()});
}

TEST(ExpressionCodec, EveryKindComesBack) {
  auto bytes = encode_expression(example());
  ASSERT_TRUE(bytes.ok());
  auto decoded = decode_expression(*bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.error().to_string();
  EXPECT_EQ(decoded->to_string(), example().to_string());
  EXPECT_EQ(*encode_expression(*decoded), *bytes);
}

TEST(ExpressionCodec, CutsAndChangesAreErrorsOrOtherPredicates) {
  std::string bytes = *encode_expression(example());
  for (size_t length = 0; length < bytes.size(); ++length)
    EXPECT_FALSE(decode_expression(std::string_view(bytes).substr(0, length)).ok()) << length;
  EXPECT_FALSE(decode_expression(bytes + "x").ok());
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      auto decoded = decode_expression(damaged);
      if (decoded.ok()) {
        EXPECT_TRUE(encode_expression(*decoded).ok());
      }
    }
  }
}

TEST(ExpressionCodec, DepthAndSizeAreBounded) {
  Expr deep = Expr::exists(label_column("a"));
  for (int i = 0; i < kExpressionDepthMax; ++i) deep = Expr::all_of({deep, Expr::exists(label_column("b"))});
  EXPECT_TRUE(encode_expression(deep).ok());
  deep = Expr::all_of({deep, Expr::exists(label_column("b"))});
  EXPECT_EQ(encode_expression(deep).error().code, ErrorCode::too_large);
  EXPECT_EQ(decode_expression(std::string(1 << 20, '\x08')).error().code, ErrorCode::corrupt);
  std::string many("\x06", 1);
  append_varint(many, kExpressionNodesMax);
  many.append(kExpressionNodesMax, '\0');
  EXPECT_EQ(decode_expression(many).error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace obelisk
