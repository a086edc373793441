#pragma once

#include "core/base/config.h"
#include "core/data/tokenizer.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sparsescope {

/// A text file as two streams of tokens, split by document: the last documents, at least `data.validation` of their
/// number and at least one on each side, are the validation side. Inside a side the documents are joined by the
/// separator token. Tokens are held as 16 bits: two bytes of memory a token.
class TextCorpus {
public:
    /// Throws Failure: no path, file missing, not a regular file, unreadable, empty, larger than kLargestFile, a single
    /// document, or a side shorter than one window of `length` tokens and the token after it.
    TextCorpus(const DataConfig &data, int length, std::shared_ptr<const Tokenizer> tokenizer);

    const std::vector<std::uint16_t> &training() const { return m_training; }
    const std::vector<std::uint16_t> &validation() const { return m_validation; }
    /// Where each validation document begins in validation().
    const std::vector<std::size_t> &validationDocuments() const { return m_validationDocuments; }
    const Tokenizer &tokenizer() const { return *m_tokenizer; }
    double bytesPerToken() const { return m_bytesPerToken; }
    /// Says so where the file is no UTF-8 text, which the bytes tokenizer takes all the same; else empty.
    const std::string &notice() const { return m_notice; }

    static constexpr std::uint64_t kLargestFile = std::uint64_t{4} << 30;

private:
    std::shared_ptr<const Tokenizer> m_tokenizer;
    std::vector<std::uint16_t> m_training;
    std::vector<std::uint16_t> m_validation;
    std::vector<std::size_t> m_validationDocuments;
    double m_bytesPerToken = 1.0;
    std::string m_notice;
};

/// What lies between separators, empty pieces left out. "\n\n": one or more blank lines (a line end may be "\r\n").
/// "\n": a single line end that is not part of a blank line. Anything else: that string itself.
std::vector<std::string_view> splitDocuments(std::string_view text, const std::string &separator);

} // namespace sparsescope
