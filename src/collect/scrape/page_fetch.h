#pragma once
// The HTTP side of one scrape: the request as Prometheus sends it, and the page and its format from the
// answer. Pure functions.
#include <atomic>
#include <memory>
#include <string>

#include "collect/scrape/scrape_target.h"
#include "net/http_client.h"
#include "wire/exposition.h"

namespace obelisk::scrape {

ClientRequest make_scrape_request(const ScrapeTarget& target, const std::atomic<bool>* cancel);

// Errors in Prometheus' words where it has any: "server returned HTTP status 404 Not Found".
Result<ExpositionFormat> format_of_answer(const ScrapeTarget& target, const ClientResponse& response);

}  // namespace obelisk::scrape
