// Reading the outline of a trace: its rows come a row group at a time and leave their numbers in compact
// columns, some 45 bytes a span, so that neither the rows nor a second copy of them are held.
#include <algorithm>
#include <array>
#include <numeric>
#include <unordered_map>

#include "query/traceql/attribute_reader.h"
#include "query/traceql/trace_outline.h"

namespace obelisk::traceql {
namespace {

// Numbers texts as they come. Those of a batch that lie at one place are one dictionary entry: most are known
// by their address.
class TextNumbers {
 public:
  explicit TextNumbers(std::vector<std::string>& texts) : texts_(texts) {}
  void next_batch() { known_.fill({}); }
  uint32_t number_of(std::string_view text) {
    Known& known =
        known_[(reinterpret_cast<uintptr_t>(text.data()) * 0x9E3779B97F4A7C15 >> 32) % known_.size()];
    if (known.text.data() == text.data() && known.text.size() == text.size() && known.text.data() != nullptr)
      return known.number;
    auto [it, fresh] = numbers_.try_emplace(std::string(text), static_cast<uint32_t>(texts_.size()));
    if (fresh) texts_.push_back(it->first);
    known = {text, it->second};
    return it->second;
  }

 private:
  struct Known {
    std::string_view text;
    uint32_t number = 0;
  };
  std::vector<std::string>& texts_;
  std::array<Known, 512> known_;
  std::unordered_map<std::string, uint32_t> numbers_;
};

// What is kept of every row, column by column.
struct SpanColumns {
  std::vector<int64_t> starts;
  std::vector<int64_t> durations;
  std::vector<int64_t> ids;
  std::vector<int64_t> parents;
  std::vector<uint32_t> names;
  std::vector<uint32_t> services;
  std::vector<uint8_t> kinds;
  std::vector<uint8_t> statuses;

  static constexpr uint64_t kRowBytes = 4 * 8 + 2 * 4 + 2;
  size_t size() const { return starts.size(); }
};

class OutlineReader {
 public:
  OutlineReader(const QueryContext& context, const TraceId& id)
      : context_(context),
        outline_(std::make_shared<TraceOutline>()),
        names_(outline_->names),
        services_(outline_->services) {
    outline_->id = id;
  }
  ~OutlineReader() { context_.budget.release(charged_); }

  Result<std::shared_ptr<const TraceOutline>> read() {
    OBELISK_CHECK_OK(read_rows());
    if (columns_.size() == 0) return std::shared_ptr<const TraceOutline>();
    // The tree, the outline and a column at a time while it is put in order.
    OBELISK_CHECK_OK(charge(columns_.size() * (70 + sizeof(OutlineSpan))));
    put_in_order();
    make_spans();
    return std::shared_ptr<const TraceOutline>(outline_);
  }

 private:
  Result<void> charge(uint64_t bytes) {
    charged_ += bytes;
    return context_.budget.charge(bytes);
  }

  Result<void> read_rows() {
    Scan scan;
    scan.tenant = context_.tenant;
    scan.table = Table::spans;
    auto ids = std::make_shared<TraceIdSet>();
    ids->insert(outline_->id);
    scan.where = Expr::in_trace_ids(fixed_column(column::kTraceId), std::move(ids));
    scan.columns = {fixed_column(column::kSpanId),    fixed_column(column::kParentSpanId),
                    fixed_column(column::kDuration),  fixed_column(column::kKind),
                    fixed_column(column::kName),      fixed_column(column::kStatusCode),
                    {Scope::resource, "service.name"}};
    OBELISK_TRY(std::unique_ptr<Cursor> cursor,
                open_scan(context_.reader, context_.at, scan, context_.budget, context_.cancel));
    for (;;) {
      OBELISK_CHECK_OK(context_.cancel.check());
      OBELISK_TRY(BatchPtr batch, cursor->next());
      if (!batch) return {};
      OBELISK_CHECK_OK(charge(batch->row_count * SpanColumns::kRowBytes));
      add(*batch);
    }
  }

  void add(const Batch& batch) {
    names_.next_batch();
    services_.next_batch();
    const ColumnData* names = batch.find_fixed(column::kName);
    const ColumnData* services = batch.find({Scope::resource, "service.name"}, ColumnType::string);
    for (uint32_t row = 0; row < batch.row_count; ++row) {
      columns_.names.push_back(names_.number_of(text_at(names, row)));
      columns_.services.push_back(services_.number_of(text_at(services, row)));
    }
    columns_.starts.insert(columns_.starts.end(), batch.times().begin(), batch.times().end());
    auto add_numbers = [&](std::string_view name, auto& to) {
      const ColumnData* data = batch.find_fixed(name);
      for (uint32_t row = 0; row < batch.row_count; ++row)
        to.push_back(static_cast<typename std::decay_t<decltype(to)>::value_type>(int_at(data, row)));
    };
    add_numbers(column::kDuration, columns_.durations);
    add_numbers(column::kSpanId, columns_.ids);
    add_numbers(column::kParentSpanId, columns_.parents);
    add_numbers(column::kKind, columns_.kinds);
    add_numbers(column::kStatusCode, columns_.statuses);
  }

  // By start, then span id. They come in few ascending runs, one a part and place in it.
  void put_in_order() {
    std::vector<uint32_t> order(columns_.size());
    std::iota(order.begin(), order.end(), 0);
    auto before = [&](uint32_t a, uint32_t b) {
      if (columns_.starts[a] != columns_.starts[b]) return columns_.starts[a] < columns_.starts[b];
      return static_cast<uint64_t>(columns_.ids[a]) < static_cast<uint64_t>(columns_.ids[b]);
    };
    if (std::is_sorted(order.begin(), order.end(), before)) return;
    std::stable_sort(order.begin(), order.end(), before);
    auto arrange = [&](auto& column) {
      auto arranged = column;
      for (size_t i = 0; i < order.size(); ++i) arranged[i] = column[order[i]];
      column = std::move(arranged);
    };
    arrange(columns_.starts);
    arrange(columns_.durations);
    arrange(columns_.ids);
    arrange(columns_.parents);
    arrange(columns_.names);
    arrange(columns_.services);
    arrange(columns_.kinds);
    arrange(columns_.statuses);
  }

  // The numbers that make the tree, as the rows of a batch; they are taken out of the columns.
  Batch tree_batch() {
    Batch batch(Table::spans);
    batch.row_count = columns_.size();
    auto add_column = [&](std::string_view name, std::vector<int64_t>& numbers) {
      ColumnData data;
      data.id = fixed_column(name);
      data.type = ColumnType::int64;
      data.ints = std::move(numbers);
      batch.columns.push_back(std::move(data));
    };
    add_column(column::kTime, columns_.starts);
    add_column(column::kDuration, columns_.durations);
    add_column(column::kSpanId, columns_.ids);
    add_column(column::kParentSpanId, columns_.parents);
    return batch;
  }

  void make_spans() {
    const Batch batch = tree_batch();
    TraceTree tree(batch, Group{{}, 0, 0, static_cast<uint32_t>(batch.row_count)});
    tree.link();
    tree.measure();
    outline_->start = tree.start();
    outline_->end = tree.start() + tree.duration();
    const std::vector<int64_t>& starts = batch.times();
    const std::vector<int64_t>& durations = batch.find_fixed(column::kDuration)->ints;
    std::vector<OutlineSpan>& spans = outline_->spans;
    std::vector<uint32_t> position_of(tree.span_count());
    spans.reserve(tree.span_count());
    for (uint32_t number : tree.preorder()) {
      uint32_t row = tree.row(number), parent = tree.parent(number);
      position_of[number] = static_cast<uint32_t>(spans.size());
      OutlineSpan span;
      span.id = tree.span_id(number);
      span.start = starts[row];
      span.duration = durations[row];
      span.self_time = tree.self_time(number);
      span.parent = parent == kNoSpan ? kNoSpan : position_of[parent];
      span.depth = parent == kNoSpan ? 0 : spans[span.parent].depth + 1;
      span.name = columns_.names[row];
      span.service = columns_.services[row];
      span.kind = columns_.kinds[row];
      span.status = columns_.statuses[row];
      span.critical = tree.on_critical_path(number);
      spans.push_back(span);
    }
    add_subtrees();
  }

  void add_subtrees() {
    std::vector<OutlineSpan>& spans = outline_->spans;
    for (size_t at = spans.size(); at-- > 0;) {
      OutlineSpan& span = spans[at];
      span.errors += span.status == 2 ? 1 : 0;
      if (span.parent == kNoSpan) continue;
      spans[span.parent].size += span.size;
      spans[span.parent].errors += span.errors;
      ++spans[span.parent].child_count;
    }
  }

  const QueryContext& context_;
  std::shared_ptr<TraceOutline> outline_;
  TextNumbers names_;
  TextNumbers services_;
  SpanColumns columns_;
  uint64_t charged_ = 0;
};

}  // namespace

Result<std::shared_ptr<const TraceOutline>> outline_of_trace(const QueryContext& context, const TraceId& id) {
  return OutlineReader(context, id).read();
}

}  // namespace obelisk::traceql
