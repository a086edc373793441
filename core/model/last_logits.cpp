#include "core/model/last_logits.h"

#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>

#include <algorithm>

namespace sparsescope {

at::Tensor lastLogits(Transformer &model, const at::Tensor &ids, const LastLogits &options)
{
    const std::int64_t tokens = ids.size(1);
    TORCH_CHECK(options.last >= 1 && options.last <= tokens, "lastLogits: last must be 1 to ", tokens, ", got ",
                options.last);
    TORCH_CHECK(options.chunk >= 1, "lastLogits: chunk must be 1 or more, got ", options.chunk);
    const c10::NoGradGuard noGrad;
    AttentionCache cache;
    const std::int64_t before = tokens - options.last;
    at::Tensor logits;
    for (std::int64_t begin = 0; begin < tokens;) {
        const bool answers = begin >= before;
        const std::int64_t count = answers ? options.last : std::min(options.chunk, before - begin);
        std::vector<dsa::Selection> selections;
        ForwardOptions forward;
        forward.sparse = options.sparse;
        forward.topK = options.topK;
        forward.selector = options.selector;
        forward.needLogits = answers;
        forward.cache = &cache;
        forward.selections = options.onChunk ? &selections : nullptr;
        logits = model.forward(ids.narrow(1, begin, count), forward).logits;
        begin += count;
        if (options.onChunk && !options.onChunk(begin, selections)) {
            return {};
        }
    }
    return logits;
}

} // namespace sparsescope
