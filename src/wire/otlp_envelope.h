#pragma once
// The part that OTLP's three requests share: resources, in them instrumentation scopes, in them records
// (spans, log records, metrics). Used inside protobuf::decode_guarded. Views point into the body. Not kept:
// the schema URLs of resources, entity references, and the dropped-attribute counts of resources and scopes.
#include <string_view>
#include <vector>

#include "wire/any_value.h"
#include "wire/any_value_decode.h"
#include "wire/protobuf.h"

namespace obelisk {

struct OtlpScope {
  std::string_view name;
  std::string_view version;
  std::string_view schema_url;  // of the records, from the message around the scope
  std::vector<AttributeView> attributes;
};

class OtlpRecordHandler {
 public:
  virtual ~OtlpRecordHandler() = default;
  virtual void begin_resource(const std::vector<AttributeView>& attributes) = 0;
  virtual void begin_scope(const OtlpScope& scope) = 0;
  virtual void record(std::string_view message) = 0;
  virtual void end_scope() = 0;
};

// More attributes than this on one resource, scope or record make it invalid: SDKs stop at 128.
inline constexpr size_t kOtlpAttributesMax = 1024;

// Walks an export request. The order of calls is begin_resource (begin_scope record* end_scope)*. Resource
// and scope are read before the records, wherever they stand in the message.
void walk_otlp_request(std::string_view body, protobuf::Place& place, OtlpRecordHandler& handler);

// Sets name, version and attributes of the scope, and the resource's attributes, in all rows from
// `first_row`.
void fill_scope(BatchBuilder& rows, size_t first_row, const OtlpScope& scope);
void fill_attributes(BatchBuilder& rows, size_t first_row, Scope kind,
                     const std::vector<AttributeView>& attributes);

}  // namespace obelisk
