#include "core/base/error.h"

namespace sparsescope {
namespace {

std::string joined(const std::vector<Error> &errors)
{
    std::string text;
    for (const Error &error : errors) {
        if (!text.empty())
            text += '\n';
        text += error.text();
    }
    return text;
}

/// Names of files and tensors come from files: none of them breaks the line. Other control codes are the screen's matter.
std::string onOneLine(const std::string &text)
{
    std::string line;
    for (const char c : text)
        line += c == '\n' ? "\\x0a" : c == '\r' ? "\\x0d" : std::string(1, c);
    return line;
}

} // namespace

std::string Error::text() const
{
    std::string place = origin;
    if (!where.empty())
        place += (place.empty() ? "" : ": ") + where;
    std::string message = what;
    const auto append = [&message](const std::string &part) { message += (message.empty() ? "" : ", ") + part; };
    if (!found.empty())
        append("got " + found);
    if (!allowed.empty())
        append("allowed " + allowed);
    std::string text = onOneLine(place);
    if (!message.empty())
        text += (text.empty() ? "" : ": ") + message;
    if (!text.empty() && text.back() != '.')
        text += '.';
    if (!remedy.empty())
        text += (text.empty() ? "" : " ") + onOneLine(remedy);
    return text;
}

Failure::Failure(Error error)
    : std::runtime_error(error.text())
    , m_error(std::move(error))
{}

ConfigFailure::ConfigFailure(std::vector<Error> errors)
    : std::runtime_error(joined(errors))
    , m_errors(std::move(errors))
{}

} // namespace sparsescope
