#pragma once
// The request for a target's page, and what its answer is. Pure functions.
#include <atomic>

#include "collect/scrape/scrape_target.h"
#include "net/http_client.h"
#include "wire/exposition.h"

namespace obelisk::scrape {

// Without the credentials and connection settings of the job, which collect::HttpFetcher adds. `cancel` must
// outlive the request.
ClientRequest make_scrape_request(const ScrapeTarget& target, const std::atomic<bool>* cancel);

// The Accept header for these protocols in their order of preference.
std::string accept_header(const ScrapeConfig& job);

// The format of the answer: by its Content-Type, else the job's fallback; an error when the status is not 200
// or there is no format.
Result<ExpositionFormat> format_of_answer(const ScrapeTarget& target, const ClientResponse& response);

}  // namespace obelisk::scrape
