#include "storage/embedded/manifest.h"

#include <fmt/format.h>

#include <cstring>

#include "codec/byte_reader.h"
#include "codec/checksum.h"
#include "codec/varint.h"

namespace obelisk {
namespace {

constexpr std::string_view kMagic("OBLKMAN\n", 8);
constexpr uint32_t kVersion = 3;
constexpr uint32_t kVersionWithoutTiers = 2;
constexpr uint32_t kVersionWithoutErasures = 1;
constexpr size_t kFixedBytes = 24;  // magic, version, zero, body length
// File names have at most 255 bytes; the hash takes 17.
constexpr size_t kDirectoryNameMax = 200;

void put_names(const std::vector<std::string>& names, std::string& out) {
  append_varint(out, names.size());
  for (const std::string& name : names) append_text(out, name);
}

std::vector<std::string> get_names(ByteReader& reader) {
  std::vector<std::string> names;
  for (uint64_t left = reader.varint_up_to(reader.left()); left > 0 && !reader.failed(); --left)
    names.emplace_back(reader.text());
  return names;
}

void put_erasure(const ErasureRecord& erasure, std::string& out) {
  append_varint(out, erasure.id);
  out.push_back(static_cast<char>(erasure.table));
  append_varint(out, erasure.through_sequence);
  append_signed_varint(out, erasure.range.begin.value);
  append_signed_varint(out, erasure.range.end.value);
  append_text(out, erasure.where);
}

ErasureRecord get_erasure(ByteReader& reader) {
  ErasureRecord erasure;
  erasure.id = reader.varint();
  uint8_t table = reader.u8();
  if (table >= kTableCount) reader.fail();
  erasure.table = static_cast<Table>(table);
  erasure.through_sequence = reader.varint();
  erasure.range.begin.value = reader.signed_varint();
  erasure.range.end.value = reader.signed_varint();
  erasure.where = reader.text();
  return erasure;
}

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
  std::string body;
  append_varint(body, manifest.log_from);
  append_varint(body, manifest.last_sequence);
  append_varint(body, manifest.tenants.size());
  for (const auto& [name, tenant] : manifest.tenants) {
    append_text(body, name);
    append_varint(body, tenant.events_through);
    append_varint(body, tenant.metrics_through);
    put_names(tenant.event_parts, body);
    put_names(tenant.metric_parts, body);
    append_varint(body, tenant.last_erasure_id);
    append_varint(body, tenant.erasures.size());
    for (const ErasureRecord& erasure : tenant.erasures) put_erasure(erasure, body);
    put_names(tenant.tier_parts, body);
    append_signed_varint(body, tenant.raw_after_ms);
    append_varint(body, tenant.dirty_days.size());
    for (int64_t day : tenant.dirty_days) append_signed_varint(body, day);
  }
  std::string out(kMagic);
  append_fixed<uint32_t>(out, kVersion);
  append_fixed<uint32_t>(out, 0);
  append_fixed<uint64_t>(out, body.size());
  out += body;
  append_fixed(out, checksum64(out));
  return out;
}

Result<Manifest> parse_manifest(std::string_view bytes) {
  if (bytes.size() < kFixedBytes + 8 || !bytes.starts_with(kMagic))
    return make_error(ErrorCode::corrupt, "not a manifest");
  uint32_t version = 0;
  std::memcpy(&version, bytes.data() + kMagic.size(), sizeof version);
  if (version != kVersion && version != kVersionWithoutTiers && version != kVersionWithoutErasures) {
    return make_error(ErrorCode::unsupported,
                      fmt::format("manifest of format version {}, this server reads {}", version, kVersion));
  }
  uint64_t checksum = 0;
  std::memcpy(&checksum, bytes.data() + bytes.size() - 8, 8);
  bytes.remove_suffix(8);
  if (checksum64(bytes) != checksum) return make_error(ErrorCode::corrupt, "manifest: checksum mismatch");
  ByteReader reader(bytes.substr(kMagic.size() + 8));
  if (reader.u64() != bytes.size() - kFixedBytes) return make_error(ErrorCode::corrupt, "manifest: length");
  Manifest manifest;
  manifest.log_from = reader.varint();
  manifest.last_sequence = reader.varint();
  for (uint64_t left = reader.varint_up_to(reader.left()); left > 0 && !reader.failed(); --left) {
    std::string name(reader.text());
    TenantManifest tenant;
    tenant.events_through = reader.varint();
    tenant.metrics_through = reader.varint();
    tenant.event_parts = get_names(reader);
    tenant.metric_parts = get_names(reader);
    if (version != kVersionWithoutErasures) {
      tenant.last_erasure_id = reader.varint();
      uint64_t erasures = reader.varint_up_to(reader.left());
      for (; erasures > 0 && !reader.failed(); --erasures) tenant.erasures.push_back(get_erasure(reader));
    }
    if (version == kVersion) {
      tenant.tier_parts = get_names(reader);
      tenant.raw_after_ms = reader.signed_varint();
      uint64_t days = reader.varint_up_to(reader.left());
      for (; days > 0 && !reader.failed(); --days) tenant.dirty_days.push_back(reader.signed_varint());
    }
    manifest.tenants[name] = std::move(tenant);
  }
  if (!reader.at_end()) return make_error(ErrorCode::corrupt, "manifest: bytes missing or left over");
  return manifest;
}

std::string tenant_directory(const Tenant& tenant) {
  std::string name;
  for (char c : tenant) {
    bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    name += plain ? std::string(1, c) : fmt::format("%{:02x}", static_cast<unsigned char>(c));
  }
  if (name.size() > kDirectoryNameMax)
    name = fmt::format("{}~{:016x}", name.substr(0, kDirectoryNameMax), checksum64(tenant));
  return "tenants/" + name;
}

}  // namespace obelisk
