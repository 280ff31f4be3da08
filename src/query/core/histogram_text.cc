#include "query/core/histogram_text.h"

#include "model/histogram_buckets.h"
#include "query/core/float_text.h"

namespace obelisk {
namespace {

void append_bucket_text(std::string& out, const HistogramBucket& bucket) {
  out += bucket.lower_inclusive ? ", [" : ", (";
  out += format_go_g(bucket.lower) + "," + format_go_g(bucket.upper);
  out += bucket.upper_inclusive ? "]:" : "):";
  out += format_go_g(bucket.count);
}

}  // namespace

std::string histogram_text(const Histogram& histogram) {
  std::string out = "{count:" + format_go_g(histogram.count) + ", sum:" + format_go_g(histogram.sum);
  for (const HistogramBucket& bucket : buckets_of(histogram)) append_bucket_text(out, bucket);
  return out + "}";
}

}  // namespace obelisk
