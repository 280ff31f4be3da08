#include "storage/embedded/events/event_part_inspect.h"

#include <fmt/format.h>

#include "base/text.h"
#include "storage/embedded/events/event_part.h"

namespace obelisk {
namespace {

std::string stats_text(const ChunkStats& stats) {
  if (auto* ints = std::get_if<1>(&stats.range))
    return fmt::format(" min {} max {}", ints->first, ints->second);
  if (auto* floats = std::get_if<2>(&stats.range))
    return fmt::format(" min {} max {}", floats->first, floats->second);
  if (auto* ids = std::get_if<3>(&stats.range))
    return fmt::format(" min {} max {}", ids->first.to_hex(), ids->second.to_hex());
  return "";
}

void describe_row_group(const EventPart& part, size_t index, std::string& out) {
  const EventPartDirectory& directory = part.directory();
  const RowGroupInfo& group = directory.row_groups[index];
  out += fmt::format("row group {}: {} rows, times {} to {}, {} runs\n", index, group.row_count,
                     format_rfc3339(group.min_time), format_rfc3339(group.max_time), group.runs.size());
  for (size_t i = 0; i < group.chunks.size(); ++i) {
    const ChunkInfo& chunk = group.chunks[i];
    const PartColumn& column = directory.columns[chunk.column];
    Result<std::vector<ColumnChunk>> read = part.read_chunks(index, std::span(&i, 1));
    std::string coding =
        read.ok() ? std::string((*read)[0].coding_name()) : "DAMAGED: " + read.error().message;
    if (read.ok() && (*read)[0].has_dictionary())
      coding += fmt::format(" of {}", (*read)[0].entries().size());
    if (read.ok() && (*read)[0].message() != nullptr) {
      const message::MessageHead& head = *(*read)[0].message()->head();
      coding += fmt::format(" of {} templates with {} variables, head {} bytes, {} in memory, {} raw lines",
                            head.templates.size() - 1, head.slots.size(), head.byte_count,
                            head.memory_bytes() + (*read)[0].message()->template_planes().stored_bytes(),
                            (*read)[0].message()->raw_count());
    }
    out += fmt::format("  {:#010x} {:>9} bytes  {}.{} {}: {} values, {}{}\n", chunk.offset, chunk.length,
                       scope_name(column.id.scope), column.id.name, column_type_name(column.type),
                       chunk.stats.present_count, coding, stats_text(chunk.stats));
  }
}

void describe_labels(const EventPart& part, std::string& out) {
  const EventPartDirectory& directory = part.directory();
  out += fmt::format("labels: {:#010x} {} bytes, {} groups\n", directory.labels.offset,
                     directory.labels.length, directory.group_count);
  Result<std::shared_ptr<const LabelTable>> labels = part.labels();
  if (!labels.ok()) {
    out += "  DAMAGED: " + labels.error().message + "\n";
    return;
  }
  constexpr uint32_t kPrinted = 100;
  for (uint32_t group = 0; group < (*labels)->size() && group < kPrinted; ++group) {
    out += fmt::format("  {} {}\n", group, Labels((*labels)->labels(group)).to_string());
  }
  if ((*labels)->size() > kPrinted) out += fmt::format("  and {} more\n", (*labels)->size() - kPrinted);
}

void describe_trace_index(const EventPart& part, std::string& out) {
  const EventPartDirectory& directory = part.directory();
  Result<std::shared_ptr<const TraceIndexDirectory>> index = part.trace_index_directory();
  if (!index.ok()) {
    out += "trace index: DAMAGED: " + index.error().message + "\n";
    return;
  }
  if (!*index) {
    out += "trace index: none, no row has a trace id\n";
    return;
  }
  out +=
      fmt::format("trace index: {:#010x} {} bytes, {} entries in {} blocks\n", directory.trace_index.offset,
                  directory.trace_index.length, (*index)->entry_count, (*index)->block_count());
  std::vector<uint64_t> keys((*index)->first_keys.begin(), (*index)->first_keys.end());
  // Looking up the first key of every block reads and checks them all.
  if (auto found = part.row_groups_of_traces(keys); !found.ok())
    out += "  DAMAGED: " + found.error().message + "\n";
}

}  // namespace

Result<std::string> inspect_event_part(Disk& disk, const std::string& path) {
  OBELISK_TRY(std::shared_ptr<EventPart> part, EventPart::open(disk, "", path));
  const EventPartDirectory& directory = part->directory();
  std::string out = fmt::format("event part, format version {}, table {}, {} bytes\n", kEventPartVersion,
                                table_name(directory.table), directory.file_bytes);
  out += fmt::format("{} rows in {} row groups, times {} to {}, order key {}\n", directory.row_count,
                     directory.row_groups.size(), format_rfc3339(directory.min_time),
                     format_rfc3339(directory.max_time), directory.order_key);
  out += fmt::format("{:.2f} bytes a row\n",
                     static_cast<double>(directory.file_bytes) / static_cast<double>(directory.row_count));
  for (size_t i = 0; i < directory.row_groups.size(); ++i) describe_row_group(*part, i, out);
  describe_labels(*part, out);
  describe_trace_index(*part, out);
  return out;
}

}  // namespace obelisk
