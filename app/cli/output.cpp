#include "app/cli/output.h"

#include <fmt/format.h>

#include <cstdio>

namespace sparsescope {
namespace {

void print(std::FILE *stream, const std::string &text)
{
    fmt::print(stream, "{}\n", text);
    std::fflush(stream);
}

} // namespace

void Output::line(const std::string &text)
{
    if (!m_json)
        print(stdout, text);
}

void Output::note(const std::string &text)
{
    if (!m_quiet)
        print(stderr, text);
}

void Output::warning(const std::string &text) { print(stderr, text); }

void Output::error(const Error &error)
{
    m_errors.push_back(error);
    print(stderr, error.text());
}

void Output::finish(int exitCode)
{
    if (!m_json)
        return;
    nlohmann::ordered_json document;
    document["ok"] = exitCode == 0;
    document["errors"] = nlohmann::ordered_json::array();
    for (const Error &error : m_errors)
        document["errors"].push_back(
            {{"path", error.where}, {"found", error.found}, {"allowed", error.allowed}, {"text", error.text()}});
    document.update(m_data);
    print(stdout, document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

} // namespace sparsescope
