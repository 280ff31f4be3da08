#include "query/traceql/parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "query/traceql/field_parser.h"
#include "query/traceql/metrics_parser.h"

namespace obelisk::traceql {
namespace {

// What an operator can stand between. The grammar has one set of operators for spansets, scalars and metrics;
// which is meant shows in the operands.
struct Node {
  enum class Kind : uint8_t {
    spanset,                 // {..}, or an operation of them
    pipeline,                // several stages, or one that is no spanset
    number,                  // a constant, folded
    static_value,            // another literal
    scalar,                  // has an aggregate
    scalar_filter,           // scalar compared with scalar: a stage
    unwrapped_aggregate,     // a pipeline that ends in an aggregate, parentheses still missing
    scalar_pipeline,         // the same in parentheses, or an operation of them
    scalar_pipeline_filter,  // compared
    metrics,
  };
  Kind kind = Kind::spanset;
  uint64_t offset = 0;
  SpansetExprPtr spanset;
  ScalarExprPtr scalar;
  Stage filter;
  std::unique_ptr<Pipeline> pipeline;
  MetricsExprPtr metrics;
  bool is_computed = false;  // number: came out of arithmetic or parentheses
};

struct SpansetOpInfo {
  SpansetOp op;
  RelationForm form;
};

std::optional<SpansetOpInfo> spanset_op_of(TokenKind kind) {
  using F = RelationForm;
  switch (kind) {
    case TokenKind::and_op:
      return SpansetOpInfo{SpansetOp::and_op, F::plain};
    case TokenKind::or_op:
      return SpansetOpInfo{SpansetOp::or_op, F::plain};
    case TokenKind::greater:
      return SpansetOpInfo{SpansetOp::child, F::plain};
    case TokenKind::descendant:
      return SpansetOpInfo{SpansetOp::descendant, F::plain};
    case TokenKind::less:
      return SpansetOpInfo{SpansetOp::parent, F::plain};
    case TokenKind::ancestor:
      return SpansetOpInfo{SpansetOp::ancestor, F::plain};
    case TokenKind::sibling:
      return SpansetOpInfo{SpansetOp::sibling, F::plain};
    case TokenKind::not_child:
      return SpansetOpInfo{SpansetOp::child, F::negated};
    case TokenKind::not_descendant:
      return SpansetOpInfo{SpansetOp::descendant, F::negated};
    case TokenKind::not_parent:
      return SpansetOpInfo{SpansetOp::parent, F::negated};
    case TokenKind::not_ancestor:
      return SpansetOpInfo{SpansetOp::ancestor, F::negated};
    case TokenKind::not_regex:
      return SpansetOpInfo{SpansetOp::sibling, F::negated};
    case TokenKind::union_child:
      return SpansetOpInfo{SpansetOp::child, F::both};
    case TokenKind::union_descendant:
      return SpansetOpInfo{SpansetOp::descendant, F::both};
    case TokenKind::union_parent:
      return SpansetOpInfo{SpansetOp::parent, F::both};
    case TokenKind::union_ancestor:
      return SpansetOpInfo{SpansetOp::ancestor, F::both};
    case TokenKind::union_sibling:
      return SpansetOpInfo{SpansetOp::sibling, F::both};
    default:
      return std::nullopt;
  }
}

// How tightly an operator between nodes binds; 0: no operator.
int binding_of(TokenKind kind) {
  if (std::optional<BinaryOp> op = field_op_of(kind)) return kind == TokenKind::regex ? 0 : op->binding;
  return spanset_op_of(kind) ? 2 : 0;
}

std::optional<AggregateFunction> aggregate_of(std::string_view word) {
  if (word == "count") return AggregateFunction::count;
  if (word == "min") return AggregateFunction::min;
  if (word == "max") return AggregateFunction::max;
  if (word == "avg") return AggregateFunction::avg;
  if (word == "sum") return AggregateFunction::sum;
  return std::nullopt;
}

class Parser {
 public:
  explicit Parser(TokenStream& tokens) : tokens_(tokens) {}

  Result<Query> run() {
    Query query;
    uint64_t start = tokens_.peek().offset;
    OBELISK_TRY(Node root, parse_pipeline());
    if (tokens_.accept_word("with")) {
      OBELISK_TRY(query.hints, parse_hints(tokens_));
    }
    if (!tokens_.is(TokenKind::end)) return tokens_.unexpected("an operator, \"|\" or the end of the query");
    if (root.kind == Node::Kind::metrics) {
      query.metrics = std::move(root.metrics);
    } else {
      OBELISK_TRY(query.pipeline, to_pipeline(std::move(root), start));
    }
    query.leaf_count = tokens_.leaf_count;
    return query;
  }

 private:
  using Kind = Node::Kind;

  Error error(uint64_t offset, std::string_view message) const { return tokens_.error(offset, message); }

  // A node that can stand alone as a search.
  Result<std::unique_ptr<Pipeline>> to_pipeline(Node node, uint64_t offset) const {
    auto pipeline = std::make_unique<Pipeline>();
    switch (node.kind) {
      case Kind::pipeline:
        return std::move(node.pipeline);
      case Kind::spanset: {
        // A pipeline in parentheses that nothing was combined with is that pipeline.
        if (node.spanset->kind == SpansetExpr::Kind::pipeline) return std::move(node.spanset->pipeline);
        Stage stage;
        stage.offset = node.offset;
        stage.spanset = std::move(node.spanset);
        pipeline->stages.push_back(std::move(stage));
        return pipeline;
      }
      case Kind::scalar_filter:
      case Kind::scalar_pipeline_filter:
        pipeline->stages.push_back(std::move(node.filter));
        return pipeline;
      case Kind::scalar:
      case Kind::unwrapped_aggregate:
      case Kind::scalar_pipeline:
        return error(offset, "an aggregate must be compared with a value");
      default:
        return error(offset, "expected a spanset such as { span.http.status_code = 500 }");
    }
  }

  // stage | stage | ...
  Result<Node> parse_pipeline() {
    TokenStream::Level level(tokens_);
    if (level.too_deep()) return tokens_.too_deep();
    uint64_t start = tokens_.peek().offset;
    Node node;
    if (is_stage_word()) {
      if (tokens_.is_word("coalesce")) return error(start, "coalesce() cannot be the first stage");
      OBELISK_TRY(Stage stage, parse_stage_word());
      node = pipeline_of_stage(std::move(stage));
    } else {
      OBELISK_TRY(node, parse_binary(1));
    }
    while (tokens_.is(TokenKind::pipe)) {
      uint64_t pipe = tokens_.take().offset;
      if (node.kind == Kind::metrics) {
        OBELISK_CHECK_OK(parse_metrics_stage(tokens_, *node.metrics));
        continue;
      }
      if (node.kind == Kind::unwrapped_aggregate)
        return error(pipe, "an aggregate must be compared with a value");
      if (node.kind == Kind::scalar_pipeline_filter)
        return error(pipe, "a comparison of pipelines is a whole query: nothing can follow it");
      OBELISK_TRY(std::unique_ptr<Pipeline> pipeline, to_pipeline(std::move(node), start));
      OBELISK_TRY(node, parse_next_stage(std::move(pipeline), start));
    }
    return node;
  }

  bool is_stage_word() const {
    return tokens_.is_word("by") || tokens_.is_word("coalesce") || tokens_.is_word("select");
  }

  static Node pipeline_of_stage(Stage stage) {
    Node node;
    node.kind = Kind::pipeline;
    node.offset = stage.offset;
    node.pipeline = std::make_unique<Pipeline>();
    node.pipeline->stages.push_back(std::move(stage));
    return node;
  }

  // What follows a "|" after spanset stages.
  Result<Node> parse_next_stage(std::unique_ptr<Pipeline> pipeline, uint64_t start) {
    Node node;
    node.kind = Kind::pipeline;
    node.offset = start;
    uint64_t offset = tokens_.peek().offset;
    if (is_stage_word()) {
      OBELISK_TRY(Stage stage, parse_stage_word());
      pipeline->stages.push_back(std::move(stage));
      node.pipeline = std::move(pipeline);
      return node;
    }
    if (is_metrics_function(tokens_.peek())) {
      node.kind = Kind::metrics;
      OBELISK_TRY(node.metrics, parse_metrics_function(tokens_, [this] { return parse_filter(); }));
      node.metrics->pipeline = std::move(pipeline);
      OBELISK_CHECK_OK(accept_threshold(*node.metrics));
      return node;
    }
    OBELISK_TRY(Node next, parse_binary(1));
    if (next.kind == Kind::scalar) {
      if (next.scalar->kind != ScalarExpr::Kind::aggregate)
        return error(offset, "an aggregate must be compared with a value");
      node.kind = Kind::unwrapped_aggregate;
      node.pipeline = std::move(pipeline);
      node.scalar = std::move(next.scalar);
      return node;
    }
    if (next.kind != Kind::spanset && next.kind != Kind::scalar_filter) {
      return error(offset, "expected a pipeline stage after \"|\"");
    }
    OBELISK_TRY(std::unique_ptr<Pipeline> tail, to_pipeline(std::move(next), offset));
    std::move(tail->stages.begin(), tail->stages.end(), std::back_inserter(pipeline->stages));
    node.pipeline = std::move(pipeline);
    return node;
  }

  // A comparison directly behind a metrics function or topk.
  Result<void> accept_threshold(MetricsExpr& metrics) {
    std::optional<BinaryOp> op = field_op_of(tokens_.peek().kind);
    if (!op || !is_comparison(op->op)) return {};
    uint64_t offset = tokens_.take().offset;
    OBELISK_TRY(Node right, parse_binary(3));
    return add_threshold(metrics, op->op, offset, right);
  }

  Result<void> add_threshold(MetricsExpr& metrics, FieldOp op, uint64_t offset, const Node& right) const {
    if (right.kind != Kind::number) return error(right.offset, "expected a number to compare with");
    const StoredValue& value = right.scalar->literal;
    bool is_time = value.type == ValueType::duration;
    if (is_time && right.is_computed) return error(right.offset, "durations cannot be calculated with here");
    MetricsStage stage;
    stage.kind = MetricsStage::Kind::threshold;
    stage.offset = offset;
    stage.op = op;
    stage.threshold = value.view().as_number() / (is_time ? 1e9 : 1);
    metrics.stages.push_back(stage);
    return {};
  }

  Result<void> parse_metrics_stage(TokenStream& tokens, MetricsExpr& metrics) {
    OBELISK_CHECK_OK(parse_ranking(tokens, metrics));
    return accept_threshold(metrics);
  }

  Result<Stage> parse_stage_word() {
    Stage stage;
    stage.offset = tokens_.peek().offset;
    std::string word = tokens_.take().text;
    OBELISK_CHECK_OK(tokens_.expect(TokenKind::open_paren, "\"(\""));
    if (word == "coalesce") {
      stage.kind = Stage::Kind::coalesce;
    } else if (word == "by") {
      stage.kind = Stage::Kind::group;
      OBELISK_TRY(stage.group, parse_field_expression(tokens_));
    } else {
      stage.kind = Stage::Kind::select;
      OBELISK_TRY(stage.selected, parse_attribute_list(tokens_));
    }
    OBELISK_CHECK_OK(tokens_.expect(TokenKind::close_paren, "\")\""));
    return stage;
  }

  Result<Node> parse_binary(int binding_min) {
    TokenStream::Level level(tokens_);
    if (level.too_deep()) return tokens_.too_deep();
    OBELISK_TRY(Node left, parse_operand());
    for (;;) {
      int binding = binding_of(tokens_.peek().kind);
      if (binding == 0 || binding < binding_min) return left;
      const Token op = tokens_.take();
      OBELISK_TRY(Node right, parse_binary(op.kind == TokenKind::caret ? binding : binding + 1));
      OBELISK_TRY(left, combine(op, std::move(left), std::move(right)));
    }
  }

  Result<Node> parse_operand() {
    const Token& token = tokens_.peek();
    Node node;
    node.offset = token.offset;
    if (token.kind == TokenKind::open_brace) {
      OBELISK_TRY(node.spanset, parse_filter());
      return node;
    }
    if (token.kind == TokenKind::open_paren) return parse_parenthesised();
    if (token.kind == TokenKind::word && aggregate_of(token.text) &&
        tokens_.peek(1).kind == TokenKind::open_paren) {
      node.kind = Kind::scalar;
      OBELISK_TRY(node.scalar, parse_aggregate());
      return node;
    }
    bool negative = tokens_.accept(TokenKind::minus);
    std::optional<StoredValue> literal = accept_literal(tokens_);
    if (!literal) return tokens_.unexpected("a spanset, an aggregate or a number");
    if (negative && !literal->view().is_number()) return error(node.offset, "only numbers can be negative");
    if (negative)
      *literal =
          StoredValue(apply_arithmetic(ArithmeticOp::multiply, literal->view(), Value::of_integer(-1)));
    node.kind = literal->view().is_number() ? Kind::number : Kind::static_value;
    node.scalar = std::make_unique<ScalarExpr>();
    node.scalar->offset = node.offset;
    node.scalar->literal = std::move(*literal);
    return node;
  }

  Result<SpansetExprPtr> parse_filter() {
    auto spanset = std::make_unique<SpansetExpr>();
    spanset->offset = tokens_.peek().offset;
    spanset->leaf = tokens_.leaf_count++;
    OBELISK_CHECK_OK(tokens_.expect(TokenKind::open_brace, "\"{\""));
    if (tokens_.is(TokenKind::close_brace)) {
      spanset->filter = std::make_unique<FieldExpr>();
      spanset->filter->literal = StoredValue(Value::of_boolean(true));
    } else {
      OBELISK_TRY(spanset->filter, parse_field_expression(tokens_));
    }
    OBELISK_CHECK_OK(tokens_.expect(TokenKind::close_brace, "\"}\""));
    return spanset;
  }

  Result<ScalarExprPtr> parse_aggregate() {
    auto scalar = std::make_unique<ScalarExpr>();
    scalar->kind = ScalarExpr::Kind::aggregate;
    scalar->offset = tokens_.peek().offset;
    scalar->function = *aggregate_of(tokens_.take().text);
    OBELISK_CHECK_OK(tokens_.expect(TokenKind::open_paren, "\"(\""));
    if (scalar->function != AggregateFunction::count) {
      OBELISK_TRY(scalar->argument, parse_field_expression(tokens_));
    }
    OBELISK_CHECK_OK(tokens_.expect(TokenKind::close_paren, "\")\""));
    return scalar;
  }

  Result<Node> parse_parenthesised() {
    uint64_t offset = tokens_.take().offset;
    OBELISK_TRY(Node inner, parse_pipeline());
    OBELISK_CHECK_OK(tokens_.expect(TokenKind::close_paren, "\")\""));
    inner.offset = offset;
    inner.is_computed = true;
    switch (inner.kind) {
      case Kind::scalar_filter:
      case Kind::pipeline: {
        OBELISK_TRY(std::unique_ptr<Pipeline> pipeline, to_pipeline(std::move(inner), offset));
        Node node;
        node.offset = offset;
        node.spanset = std::make_unique<SpansetExpr>();
        node.spanset->kind = SpansetExpr::Kind::pipeline;
        node.spanset->offset = offset;
        node.spanset->depth = depth_of(*pipeline) + 1;
        node.spanset->pipeline = std::move(pipeline);
        return node;
      }
      case Kind::unwrapped_aggregate: {
        Node node;
        node.kind = Kind::scalar_pipeline;
        node.offset = offset;
        node.scalar = std::move(inner.scalar);
        node.scalar->kind = ScalarExpr::Kind::pipeline;
        node.scalar->pipeline = std::move(inner.pipeline);
        return node;
      }
      case Kind::scalar_pipeline_filter:
        return error(offset, "a comparison of aggregates cannot be combined further");
      default:
        return inner;
    }
  }

  static uint32_t depth_of(const Pipeline& pipeline) {
    uint32_t depth = 1;
    for (const Stage& stage : pipeline.stages) {
      if (stage.spanset) depth = std::max(depth, stage.spanset->depth);
    }
    return depth;
  }

  Result<Node> combine(const Token& op, Node left, Node right) {
    std::optional<SpansetOpInfo> spanset_op = spanset_op_of(op.kind);
    if (spanset_op && left.kind == Kind::spanset && right.kind == Kind::spanset) {
      return combine_spansets(op, *spanset_op, std::move(left), std::move(right));
    }
    std::optional<BinaryOp> field_op = field_op_of(op.kind);
    if (field_op && is_arithmetic(field_op->op))
      return combine_arithmetic(op, field_op->op, std::move(left), std::move(right));
    if (field_op && is_comparison(field_op->op))
      return combine_comparison(op, field_op->op, std::move(left), std::move(right));
    return cannot_combine(op);
  }

  Error cannot_combine(const Token& op) const {
    return error(op.offset, fmt::format("{} cannot stand between these operands", describe(op)));
  }

  Result<Node> combine_spansets(const Token& op, const SpansetOpInfo& info, Node left, Node right) {
    Node node;
    node.offset = left.offset;
    node.spanset = std::make_unique<SpansetExpr>();
    node.spanset->kind = SpansetExpr::Kind::operation;
    node.spanset->offset = op.offset;
    node.spanset->op = info.op;
    node.spanset->form = info.form;
    node.spanset->depth = std::max(left.spanset->depth, right.spanset->depth) + 1;
    if (node.spanset->depth > kDepthMax) return tokens_.too_deep();
    node.spanset->left = std::move(left.spanset);
    node.spanset->right = std::move(right.spanset);
    return node;
  }

  static bool is_scalar(const Node& node) { return node.kind == Kind::scalar || node.kind == Kind::number; }

  Result<Node> combine_arithmetic(const Token& op, FieldOp field_op, Node left, Node right) {
    if (left.kind == Kind::metrics || right.kind == Kind::metrics)
      return combine_metrics(op, field_op, left, right);
    Node node;
    node.offset = left.offset;
    if (left.kind == Kind::number && right.kind == Kind::number) {
      Value value = apply_arithmetic(static_cast<ArithmeticOp>(field_op), left.scalar->literal.view(),
                                     right.scalar->literal.view());
      if (value.is_nil()) return error(op.offset, "division by zero");
      node.kind = Kind::number;
      node.scalar = std::make_unique<ScalarExpr>();
      node.scalar->literal = StoredValue(value);
      node.is_computed = true;
      return node;
    }
    bool scalars = is_scalar(left) && is_scalar(right);
    bool pipelines = left.kind == Kind::scalar_pipeline && right.kind == Kind::scalar_pipeline;
    if (!scalars && !pipelines) return cannot_combine(op);
    node.kind = scalars ? Kind::scalar : Kind::scalar_pipeline;
    node.scalar = std::make_unique<ScalarExpr>();
    node.scalar->kind = ScalarExpr::Kind::operation;
    node.scalar->offset = op.offset;
    node.scalar->op = field_op;
    node.scalar->depth = std::max(left.scalar->depth, right.scalar->depth) + 1;
    if (node.scalar->depth > kDepthMax) return tokens_.too_deep();
    node.scalar->left = std::move(left.scalar);
    node.scalar->right = std::move(right.scalar);
    return node;
  }

  static_assert(static_cast<int>(ArithmeticOp::add) == static_cast<int>(FieldOp::add) &&
                static_cast<int>(ArithmeticOp::power) == static_cast<int>(FieldOp::power));

  Result<MetricsExprPtr> metrics_operand(Node& node) const {
    if (node.kind == Kind::metrics) return std::move(node.metrics);
    if (node.kind != Kind::number) return error(node.offset, "expected metrics in parentheses or a number");
    const StoredValue& value = node.scalar->literal;
    if (value.type == ValueType::duration)
      return error(node.offset, "durations cannot be calculated with here");
    auto number = std::make_unique<MetricsExpr>();
    number->kind = MetricsExpr::Kind::number;
    number->offset = node.offset;
    number->number = value.view().as_number();
    return number;
  }

  Result<Node> combine_metrics(const Token& op, FieldOp field_op, Node& left, Node& right) const {
    if (field_op > FieldOp::divide) return cannot_combine(op);
    Node node;
    node.kind = Kind::metrics;
    node.offset = left.offset;
    node.metrics = std::make_unique<MetricsExpr>();
    node.metrics->kind = MetricsExpr::Kind::operation;
    node.metrics->offset = op.offset;
    node.metrics->op = field_op;
    OBELISK_TRY(node.metrics->left, metrics_operand(left));
    OBELISK_TRY(node.metrics->right, metrics_operand(right));
    node.metrics->depth = std::max(node.metrics->left->depth, node.metrics->right->depth) + 1;
    if (node.metrics->depth > kDepthMax) return tokens_.too_deep();
    return node;
  }

  Result<Node> combine_comparison(const Token& op, FieldOp field_op, Node left, Node right) {
    if (left.kind == Kind::metrics) {
      OBELISK_CHECK_OK(add_threshold(*left.metrics, field_op, op.offset, right));
      return left;
    }
    Node node;
    node.offset = left.offset;
    if (left.kind == Kind::scalar_pipeline) {
      bool literal = (right.kind == Kind::number || right.kind == Kind::static_value) && !right.is_computed;
      if (right.kind != Kind::scalar_pipeline && !literal) return cannot_combine(op);
      set_filter(node, Kind::scalar_pipeline_filter, field_op, std::move(left), std::move(right));
      return node;
    }
    bool has_aggregate = left.kind == Kind::scalar || right.kind == Kind::scalar;
    if (!is_scalar(left) || !is_scalar(right) || !has_aggregate) return cannot_combine(op);
    set_filter(node, Kind::scalar_filter, field_op, std::move(left), std::move(right));
    return node;
  }

  static void set_filter(Node& node, Kind kind, FieldOp op, Node left, Node right) {
    node.kind = kind;
    node.filter.kind = Stage::Kind::scalar_filter;
    node.filter.offset = left.offset;
    node.filter.left = std::move(left.scalar);
    node.filter.op = op;
    node.filter.right = std::move(right.scalar);
  }

  TokenStream& tokens_;
};

}  // namespace

Result<Query> parse(std::string_view query) {
  if (query.size() > kQueryBytesMax) {
    return make_error(ErrorCode::parse_error, fmt::format("a query is limited to {} bytes", kQueryBytesMax));
  }
  OBELISK_TRY(std::vector<Token> tokens, tokenize(query));
  TokenStream stream(query, std::move(tokens));
  return Parser(stream).run();
}

}  // namespace obelisk::traceql
