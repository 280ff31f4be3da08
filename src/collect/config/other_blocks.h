#pragma once
// The blocks of prometheus.yml beside global and the scrape jobs: remote_write, remote_read, alerting,
// storage, tracing, otlp, runtime. Each is checked as Prometheus checks it; what this server does not act on
// is added to the notices, so that nothing is ignored in silence.
#include <optional>
#include <vector>

#include "collect/config/discovery_settings.h"
#include "wire/otlp_translation.h"

namespace obelisk::collect {

// Reads all of them from the root map. `scheme` is the global metric_name_validation_scheme. Sets `otlp` when
// the block is there.
void read_other_blocks(YamlMap& root, const ConfigSource& source, NameScheme scheme,
                       std::vector<Notice>& notices, std::optional<OtlpTranslation>& otlp);

}  // namespace obelisk::collect
