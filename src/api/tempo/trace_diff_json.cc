#include "api/tempo/trace_diff_json.h"

#include "api/tempo/trace_diff_summary.h"
#include "wire/any_value.h"

namespace obelisk::tempo {
namespace {

using traceql::DiffChange;
using traceql::DiffNode;
using traceql::DiffSide;
using traceql::DiffState;
using traceql::DiffValue;
using traceql::kNoSpan;
using traceql::TraceDiff;

void write_value(JsonWriter& out, const DiffValue& value) {
  if (value.column == nullptr) {
    out.null();
    return;
  }
  const ColumnData& data = *value.column;
  switch (data.type) {
    case ColumnType::boolean:
      out.value(data.ints[value.row] != 0);
      break;
    case ColumnType::int64:
      out.value(data.ints[value.row]);
      break;
    case ColumnType::float64:
      out.value(data.floats[value.row]);
      break;
    case ColumnType::any:
      out.raw(any_value_to_json(data.strings[value.row]));
      break;
    case ColumnType::trace_id:
      out.value(data.trace_ids[value.row].to_hex());
      break;
    default:
      out.value(data.strings[value.row]);
  }
}

void write_path(JsonWriter& out, const std::vector<uint32_t>& path) {
  out.begin_array();
  for (uint32_t position : path) out.value(position);
  out.end_array();
}

void write_meta(JsonWriter& out, std::string_view key, const DiffSide& side) {
  out.key(key).begin_object().field("traceId", side.tree->trace_id().to_hex());
  out.field("spanCount", static_cast<uint64_t>(side.span_count())).end_object();
}

// A span that is there only once.
void write_whole(JsonWriter& out, const DiffSide& side, uint32_t span, bool added) {
  std::vector<uint32_t> path = side.path(span);
  out.begin_object().key("target").begin_object().field("type", "span");
  if (added) {
    out.key("parentPath");
    write_path(out, {path.begin(), path.end() - 1});
    out.field("index", path.back());
  } else {
    out.key("path");
    write_path(out, path);
  }
  out.end_object().key("span").begin_object().key("path");
  write_path(out, path);
  write_span_identity(out, side, span);
  out.field("duration_nanos", side.duration(span)).field("status", status_name(side.status(span)));
  out.end_object().end_object();
}

void write_patch(JsonWriter& out, const TraceDiff& diff) {
  DiffCounts counts = count_changes(diff);
  out.begin_object().field("version", "trace-patch-v0");
  write_meta(out, "base", diff.base);
  write_meta(out, "compare", diff.compare);
  out.key("stats").begin_object();
  out.field("spanCountA", static_cast<uint64_t>(diff.base.span_count()));
  out.field("spanCountB", static_cast<uint64_t>(diff.compare.span_count()));
  out.field("matchedSpans", counts.matched).field("modifiedSpans", counts.modified);
  out.field("addedSpans", counts.added).field("removedSpans", counts.removed);
  out.field("fieldChanges", counts.fields).field("attributeChanges", counts.attributes);
  out.field("eventChanges", counts.events).field("truncated", false).end_object();
  out.key("modified").begin_array();
  for (const DiffNode& node : diff.nodes) {
    if (node.state != DiffState::modified) continue;
    out.begin_object().key("span");
    write_span_place(out, diff.base, node.base);
    out.key("changes");
    write_changes(out, diff, node, DurationUnit::nanoseconds);
    out.end_object();
  }
  out.end_array();
  for (auto [key, state] : {std::pair("added", DiffState::added), std::pair("removed", DiffState::removed)}) {
    bool added = state == DiffState::added;
    out.key(key).begin_array();
    for (const DiffNode& node : diff.nodes) {
      if (node.state == state)
        write_whole(out, added ? diff.compare : diff.base, added ? node.compare : node.base, added);
    }
    out.end_array();
  }
  out.key("warnings");
  write_warnings(out, diff);
  out.end_object();
}

std::string_view state_name(DiffState state) {
  switch (state) {
    case DiffState::same:
      return "same";
    case DiffState::modified:
      return "modified";
    case DiffState::added:
      return "added";
    case DiffState::removed:
      return "removed";
  }
  return "";
}

void write_side(JsonWriter& out, std::string_view key, const DiffSide& side, uint32_t span) {
  if (span == kNoSpan) return;
  out.key(key).begin_object().field("spanId", SpanId{side.tree->span_id(span)}.to_hex());
  out.field("startTimeUnixNano", std::to_string(side.start(span)));
  out.field("offsetNanos", std::to_string(side.start(span) - side.tree->start()));
  out.field("durationNanos", std::to_string(side.duration(span)));
  out.field("status", status_name(side.status(span))).end_object();
}

void write_tree(JsonWriter& out, const TraceDiff& diff) {
  out.begin_object().field("version", "obelisk-tree-v0");
  write_meta(out, "base", diff.base);
  write_meta(out, "compare", diff.compare);
  out.key("spans").begin_array();
  for (const DiffNode& node : diff.nodes) {
    bool in_base = node.base != kNoSpan;
    out.begin_object().field("state", state_name(node.state)).field("depth", node.depth);
    if (node.parent != kNoSpan) out.field("parent", node.parent);
    write_span_identity(out, in_base ? diff.base : diff.compare, in_base ? node.base : node.compare);
    write_side(out, "base", diff.base, node.base);
    write_side(out, "compare", diff.compare, node.compare);
    if (!node.changes.empty()) {
      out.key("changes");
      write_changes(out, diff, node, DurationUnit::nanoseconds);
    }
    out.end_object();
  }
  out.end_array().key("warnings");
  write_warnings(out, diff);
  out.end_object();
}

}  // namespace

std::string_view status_name(int64_t status) {
  static constexpr std::string_view kNames[] = {"STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"};
  return status >= 0 && status < 3 ? kNames[status] : kNames[0];
}

void write_span_identity(JsonWriter& out, const DiffSide& side, uint32_t span) {
  static constexpr std::string_view kKinds[] = {"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL",
                                                "SPAN_KIND_SERVER",      "SPAN_KIND_CLIENT",
                                                "SPAN_KIND_PRODUCER",    "SPAN_KIND_CONSUMER"};
  int64_t kind = side.kind(span);
  out.field("service", side.service(span)).field("name", side.name(span));
  out.field("kind", kKinds[kind >= 0 && kind < 6 ? kind : 0]);
}

void write_span_place(JsonWriter& out, const DiffSide& side, uint32_t span) {
  out.begin_object().key("path");
  write_path(out, side.path(span));
  write_span_identity(out, side, span);
  out.end_object();
}

void write_changes(JsonWriter& out, const TraceDiff& diff, const DiffNode& node, DurationUnit unit) {
  int64_t divisor = unit == DurationUnit::milliseconds ? kNanosPerMilli : 1;
  out.begin_array();
  for (const DiffChange& change : node.changes) {
    auto begin = [&](std::string_view op, std::string_view type) -> JsonWriter& {
      return out.begin_object().field("op", op).key("target").begin_object().field("type", type);
    };
    switch (change.of) {
      case DiffChange::Of::duration:
        begin("modify", "field")
            .field("name", unit == DurationUnit::milliseconds ? "duration_ms" : "duration_nanos")
            .end_object();
        out.field("before", diff.base.duration(node.base) / divisor);
        out.field("after", diff.compare.duration(node.compare) / divisor);
        break;
      case DiffChange::Of::status:
        begin("modify", "field").field("name", "status").end_object();
        out.field("before", status_name(diff.base.status(node.base)));
        out.field("after", status_name(diff.compare.status(node.compare)));
        break;
      case DiffChange::Of::parent: {
        begin("modify", "field").field("name", "path").end_object().key("before");
        write_path(out, diff.base.path(node.base));
        out.key("after");
        write_path(out, diff.compare.path(node.compare));
        break;
      }
      case DiffChange::Of::attribute:
        begin(change.before.column == nullptr  ? "add"
              : change.after.column == nullptr ? "remove"
                                               : "modify",
              "attribute")
            .field("scope", "span")
            .field("key", change.name)
            .end_object()
            .key("before");
        write_value(out, change.before);
        out.key("after");
        write_value(out, change.after);
        break;
      case DiffChange::Of::event:
        begin(change.event_difference > 0 ? "add" : "remove", "event")
            .field("name", change.name)
            .end_object();
        out.field("count", std::abs(change.event_difference));
        break;
    }
    out.end_object();
  }
  out.end_array();
}

std::optional<DiffFormat> diff_format_of(std::string_view name) {
  if (name.empty() || name == "trace-patch-v0") return DiffFormat::patch;
  if (name == "trace-summary-v0-native") return DiffFormat::summary;
  if (name == "trace-summary-v0-composed") return DiffFormat::composed;
  if (name == "obelisk-tree-v0") return DiffFormat::tree;
  return std::nullopt;
}

std::string trace_diff_json(const TraceDiff& diff, DiffFormat format) {
  JsonWriter out;
  switch (format) {
    case DiffFormat::patch:
      write_patch(out, diff);
      break;
    case DiffFormat::summary:
      write_diff_summary(out, diff);
      break;
    case DiffFormat::tree:
      write_tree(out, diff);
      break;
    case DiffFormat::composed: {
      JsonWriter patch;
      write_patch(patch, diff);
      std::string text = patch.take();
      out.begin_object().field("version", "trace-summary-v0-composed").key("summary");
      write_diff_summary(out, diff);
      if (text.size() <= kPatchBytesMax) {
        out.key("patch").raw(text);
      } else {
        out.key("patchOmitted").begin_object().field("bytes", static_cast<uint64_t>(text.size()));
        out.field("reason", "over_budget").end_object();
      }
      out.end_object();
      break;
    }
  }
  return out.take();
}

}  // namespace obelisk::tempo
