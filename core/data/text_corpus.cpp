#include "core/data/text_corpus.h"

#include "core/base/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace sparsescope {

namespace {

std::string readText(const std::string &path)
{
    namespace fs = std::filesystem;
    if (path.empty()) {
        throw Failure({"no text file given", "data.path", "nothing", "a text file",
                       "Set data.path, or choose data.source stories, which needs no file."});
    }
    std::error_code code;
    const fs::file_status status = fs::status(path, code);
    if (status.type() == fs::file_type::not_found) {
        throw Failure({"file not found", "data.path", path, "a text file that exists", ""});
    }
    if (code) {
        throw Failure(
            {"file cannot be reached: " + code.message(), "data.path", path, "a text file that can be read", ""});
    }
    if (!fs::is_regular_file(status)) {
        const char *found = fs::is_directory(status) ? "a folder" : "not a regular file";
        throw Failure({"not a file", "data.path", fmt::format("{} ({})", path, found), "a text file", ""});
    }
    const std::uintmax_t size = fs::file_size(path, code);
    if (code) {
        throw Failure(
            {"file cannot be read: " + code.message(), "data.path", path, "a text file that can be read", ""});
    }
    if (size == 0) {
        throw Failure({"file is empty", "data.path", path + " (0 bytes)", "a text of two documents or more", ""});
    }
    if (size > TextCorpus::kLargestFile) {
        throw Failure({"file is too large to hold in memory", "data.path", fmt::format("{} ({} bytes)", path, size),
                       fmt::format("at most {} bytes", TextCorpus::kLargestFile),
                       "Cut a part of it into a file of its own."});
    }
    std::ifstream file(path, std::ios::binary);
    std::string text(static_cast<std::size_t>(size), '\0');
    if (!file || !file.read(text.data(), static_cast<std::streamsize>(size))) {
        throw Failure({fmt::format("file cannot be read: {}", std::strerror(errno)), "data.path", path,
                       "a text file that can be read", ""});
    }
    return text;
}

/// Length of the line end at `at` ("\n" or "\r\n"), 0 if there is none.
std::size_t lineEnd(std::string_view text, std::size_t at)
{
    if (at < text.size() && text[at] == '\n') {
        return 1;
    }
    return at + 1 < text.size() && text[at] == '\r' && text[at + 1] == '\n' ? 2 : 0;
}

/// Splits at runs of line ends: `wanted` tells from their number whether a run separates documents.
template <class Wanted>
std::vector<std::string_view> splitAtLineEnds(std::string_view text, Wanted wanted)
{
    std::vector<std::string_view> documents;
    std::size_t begin = 0;
    std::size_t at = 0;
    const auto close = [&](std::size_t end) {
        if (end > begin) {
            documents.push_back(text.substr(begin, end - begin));
        }
    };
    while (at < text.size()) {
        std::size_t end = at;
        std::size_t lines = 0;
        while (const std::size_t bytes = lineEnd(text, end)) {
            end += bytes;
            ++lines;
        }
        if (lines > 0 && wanted(lines)) {
            close(at);
            begin = end;
        }
        at = std::max(end, at + 1);
    }
    close(text.size());
    return documents;
}

/// Line ends at the very end of a file belong to no document.
std::string_view withoutTrailingLineEnds(std::string_view text)
{
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
        text.remove_suffix(1);
    }
    return text;
}

std::vector<std::uint16_t> joined(const std::vector<std::string_view> &documents, std::size_t first, std::size_t last,
                                  const Tokenizer &tokenizer, std::vector<std::size_t> *begins)
{
    std::vector<std::uint16_t> stream;
    std::size_t bytes = 0;
    for (std::size_t i = first; i < last; ++i) {
        bytes += documents[i].size() + 1;
    }
    stream.reserve(bytes);
    for (std::size_t i = first; i < last; ++i) {
        if (i > first) {
            stream.push_back(static_cast<std::uint16_t>(tokenizer.separator()));
        }
        if (begins) {
            begins->push_back(stream.size());
        }
        for (const std::int32_t id : tokenizer.encode(std::string(documents[i]))) {
            stream.push_back(static_cast<std::uint16_t>(id));
        }
    }
    stream.shrink_to_fit();
    return stream;
}

void checkWindow(const std::vector<std::uint16_t> &side, const char *name, int length, const std::string &path)
{
    if (side.size() < static_cast<std::size_t>(length) + 1) {
        throw Failure({fmt::format("the {} side is shorter than one window", name), "data.path",
                       fmt::format("{} ({} tokens)", path, side.size()),
                       fmt::format("{} tokens or more (training.sequence_length + 1)", length + 1),
                       "Take a longer text, a shorter training.sequence_length, or another data.validation."});
    }
}

} // namespace

std::vector<std::string_view> splitDocuments(std::string_view text, const std::string &separator)
{
    if (separator.empty()) {
        throw Failure(
            {"empty separator", "data.separator", "\"\"", "the text between documents, at least one character", ""});
    }
    if (separator == "\n\n") {
        return splitAtLineEnds(withoutTrailingLineEnds(text), [](std::size_t lines) { return lines >= 2; });
    }
    if (separator == "\n") {
        return splitAtLineEnds(withoutTrailingLineEnds(text), [](std::size_t lines) { return lines == 1; });
    }
    std::vector<std::string_view> documents;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(separator, begin), text.size());
        if (end > begin) {
            documents.push_back(text.substr(begin, end - begin));
        }
        begin = end + separator.size();
    }
    return documents;
}

namespace {

/// UTF-16 and UTF-32 have a zero byte beside every Latin letter: as bytes they would train a model of zeros.
void refuseWideText(const std::string &text, const std::string &path)
{
    constexpr double kMostZeros = 0.2;
    const auto zeros = std::count(text.begin(), text.end(), '\0');
    const bool marked = text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
    if (marked || static_cast<double>(zeros) > kMostZeros * static_cast<double>(text.size())) {
        throw Failure({marked ? "is UTF-16 text" : "is no UTF-8 text", "data.path",
                       fmt::format("{} ({} of {} bytes are zero)", path, zeros, text.size()), "UTF-8 text",
                       "Convert it, as iconv -f UTF-16 -t UTF-8 does."});
    }
}

} // namespace

TextCorpus::TextCorpus(const DataConfig &data, int length, std::shared_ptr<const Tokenizer> tokenizer)
    : m_tokenizer(std::move(tokenizer))
{
    if (!(data.validation >= 0.01 && data.validation <= 0.5)) {
        throw Failure({"out of range", "data.validation", fmt::format("{}", data.validation), "0.01 to 0.5", ""});
    }
    const std::string text = readText(data.path);
    if (!isUtf8(text)) {
        m_notice = fmt::format("data.path: {} is not UTF-8 text; its bytes are taken as they are.", data.path);
    }
    refuseWideText(text, data.path);
    const std::vector<std::string_view> documents = splitDocuments(text, data.separator);
    if (documents.size() < 2) {
        throw Failure(
            {"too few documents to split", "data.path",
             fmt::format("{} ({} with data.separator {})", data.path, documents.empty() ? "no document" : "1 document",
                         nlohmann::json(data.separator).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)),
             "2 documents or more", "Set data.separator to what stands between the documents of this file."});
    }
    const double share = data.validation * static_cast<double>(documents.size());
    const auto wanted = static_cast<std::size_t>(std::ceil(share - 1e-9)); // 0.1 * 30 is a little above 3
    const std::size_t held = std::clamp<std::size_t>(wanted, 1, documents.size() - 1);
    const std::size_t cut = documents.size() - held;
    m_training = joined(documents, 0, cut, *m_tokenizer, nullptr);
    checkWindow(m_training, "training", length, data.path);
    m_validation = joined(documents, cut, documents.size(), *m_tokenizer, &m_validationDocuments);
    checkWindow(m_validation, "validation", length, data.path);

    std::size_t bytes = 0;
    for (std::size_t i = cut; i < documents.size(); ++i) {
        bytes += documents[i].size();
    }
    m_bytesPerToken = static_cast<double>(bytes) / static_cast<double>(m_validation.size() - (held - 1));
}

} // namespace sparsescope
