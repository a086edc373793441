#pragma once

#include "core/data/data_source.h"

#include <cstdint>
#include <memory>

// L tokens of an example, D depths
namespace sparsescope {

class NeedleSource;

/// Examples of the needle task (needle_source.cpp) for measuring retrieval by depth: as the run has it, but the haystack is cut
/// into D parts of equal length and the entries of an example lie in parts that are spread over it, each part in turn. Over D
/// examples every part holds equally many entries. None of them is a training or a validation example of any run.
class NeedleExamples {
public:
    /// Of the run's window and data.options. Throws Failure where the source is no needle task, where the options or the
    /// window are impossible, or where a part has no room for its entries (`where` = "--depths").
    NeedleExamples(const RunConfig &config, int depths);
    ~NeedleExamples();

    /// Examples `first` .. `first + rows - 1`. An example depends on its number, L, D and data.options only.
    Batch batch(std::int64_t first, int rows) const;
    /// The part, 0 (the beginning of the haystack) to D - 1, in which a position of the haystack lies.
    int depthOf(int position) const;
    int vocabulary() const;
    int tail() const;   ///< tokens behind the haystack: the questions
    int digits() const; ///< tokens of an answer

private:
    std::unique_ptr<NeedleSource> m_source;
    int m_length, m_depths;
};

} // namespace sparsescope
