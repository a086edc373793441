#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace sparsescope {

/// One thing that is wrong, in the order in which a reader needs it: what happened, where, what was found,
/// what is allowed, what to do. Empty parts are left out of the text.
struct Error {
    std::string what;        ///< one short clause, lower case: "unknown field", "file is damaged"
    std::string where;       ///< file, or JSON path ("model.selection.top_k"), or both ("exp.json: model.d_model")
    std::string found;       ///< the value as read
    std::string allowed;     ///< "1 to 131072", "mha or mla"
    std::string remedy;      ///< one sentence
    std::string origin = {}; ///< file in which `where` is a path, when there is one; printed in front of it

    /// "exp.json: model.selection.top_k: got 0, allowed 1 to 131072. Remedy."
    std::string text() const;
};

/// Ends the work at hand. Thrown for what the caller cannot continue from.
class Failure : public std::runtime_error {
public:
    explicit Failure(Error error);
    const Error &error() const { return m_error; }

private:
    Error m_error;
};

/// All that is wrong with a file or a form, found in one pass.
class ConfigFailure : public std::runtime_error {
public:
    explicit ConfigFailure(std::vector<Error> errors);
    const std::vector<Error> &errors() const { return m_errors; }

private:
    std::vector<Error> m_errors;
};

} // namespace sparsescope
