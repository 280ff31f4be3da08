#include "storage/embedded/manifest.h"

#include <fmt/format.h>

#include <cstring>

#include "codec/byte_reader.h"
#include "codec/checksum.h"
#include "codec/varint.h"

namespace obelisk {
namespace {

constexpr std::string_view kMagic("OBLKMAN\n", 8);
constexpr uint32_t kVersion = 1;
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
  if (version != kVersion) {
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
