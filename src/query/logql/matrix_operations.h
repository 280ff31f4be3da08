#pragma once
// Operations on whole results, all steps at once: aggregation over labels, binary operators, label_replace.
// Grouping and matching are query/core's; here they are run step by step over a Matrix.
#include "query/core/query_context.h"
#include "query/logql/ast.h"
#include "query/logql/result.h"

namespace obelisk::logql {

Result<Matrix> aggregate_matrix(QueryContext& context, const Query& query, Matrix input, size_t step_count);

// One operand a number: `number_is_left` says which. Series keep their labels.
Matrix combine_with_number(BinaryOp op, bool returns_bool, Matrix input, double number, bool number_is_left);

// Errors read as Loki's: found duplicate series on the right hand-side, multiple matches for labels: ...
Result<Matrix> combine_matrices(QueryContext& context, const Query& query, Matrix left, Matrix right,
                                size_t step_count);

Result<Matrix> replace_labels(const LabelReplace& replace, Matrix input, size_t step_count);

// The same value at every step, without labels.
Matrix constant_matrix(double value, size_t step_count);

// Removes series that have no value at any step.
void drop_empty_series(Matrix& matrix);

}  // namespace obelisk::logql
