#include "core/base/error.h"
#include "core/data/text_corpus.h"
#include "tests/fuzz/memory_file.h"

#include <algorithm>
#include <string>

using namespace sparsescope;

/// Any bytes as a text file, the first one choosing what stands between documents: refused in words, or taken, and then no byte
/// of a document is lost and every document begins where it is said to.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size)
{
    if (size < 1)
        return 0;
    const std::string separators[] = {"\n\n", "\n", "--", "a"};
    DataConfig data;
    data.source = "text";
    data.validation = 0.3;
    data.separator = separators[bytes[0] % 4];
    const std::string text(reinterpret_cast<const char *>(bytes) + 1, size - 1);
    const fuzz::MemoryFile file(bytes + 1, size - 1);
    data.path = file.path().string();
    const std::shared_ptr<const Tokenizer> tokenizer = makeByteTokenizer();
    try {
        const TextCorpus corpus(data, 4, tokenizer);
        std::string all, found;
        for (const std::string_view document : splitDocuments(text, data.separator))
            all += std::string(document) + "\x01";
        for (const auto *side : {&corpus.training(), &corpus.validation()}) {
            std::vector<std::int32_t> document;
            for (const std::uint16_t token : *side) {
                if (token == tokenizer->separator()) {
                    found += tokenizer->decode(document) + "\x01";
                    document.clear();
                } else {
                    document.push_back(token);
                }
            }
            found += tokenizer->decode(document) + "\x01";
        }
        if (found != all)
            __builtin_trap();
        for (const std::size_t begin : corpus.validationDocuments()) {
            if (begin >= corpus.validation().size() ||
                (begin > 0 && corpus.validation()[begin - 1] != tokenizer->separator()))
                __builtin_trap();
        }
    } catch (const Failure &) {
    }
    return 0;
}
