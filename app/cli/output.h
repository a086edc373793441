#pragma once

#include "core/base/error.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace sparsescope {

/// Where a command's words go. Results on standard output, remarks and progress on standard error. With --json there is one
/// document on standard output and nothing else there; with --quiet no remarks.
class Output {
public:
    Output(bool json, bool quiet)
        : m_json(json)
        , m_quiet(quiet)
    {}

    bool json() const { return m_json; }
    bool quiet() const { return m_quiet; }
    /// A line of the result; left out with --json.
    void line(const std::string &text);
    /// A remark on standard error; left out with --quiet.
    void note(const std::string &text);
    /// What ought to be known though the work goes on: remarks, and into "notices" of the document.
    void notices(const std::vector<std::string> &sentences);
    /// A remark that --quiet does not leave out: something needs a hand while the work goes on.
    void warning(const std::string &text);
    /// Something is wrong: to standard error, and into "errors" of the document.
    void error(const Error &error);
    /// The command's part of the document ("runs", "presets", ...).
    nlohmann::ordered_json &data() { return m_data; }
    /// Prints the document with --json: "ok" (the exit code is 0), "errors" [{path, found, allowed, text}], the data.
    void finish(int exitCode);

private:
    bool m_json, m_quiet;
    nlohmann::ordered_json m_data = nlohmann::ordered_json::object();
    std::vector<Error> m_errors;
};

} // namespace sparsescope
