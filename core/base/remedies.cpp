#include "core/base/remedies.h"

#include <atomic>

namespace sparsescope {

namespace {

std::atomic<Reader> g_reader{Reader::Terminal};

struct Words {
    const char *terminal, *window;
};

std::string said(const Words &words) { return g_reader == Reader::Window ? words.window : words.terminal; }

Words of(Place place)
{
    switch (place) {
    case Place::Text:
        return {"--text", "Text"};
    case Place::Tokens:
        return {"--tokens", "Token ids"};
    case Place::Layer:
        return {"--layer", "Layer"};
    case Place::NewRun:
        return {"--run", "Folder"};
    case Place::Count:
        return {"--count", "New tokens"};
    case Place::Temperature:
        return {"--temperature", "Temperature"};
    case Place::Among:
        return {"--among", "Among"};
    case Place::Device:
        return {"--device", "Device"};
    case Place::Type:
        return {"--dtype", "Type of numbers"};
    case Place::Out:
        return {"--out", "Folder"};
    }
    return {};
}

Words of(Remedy remedy)
{
    switch (remedy) {
    case Remedy::GiveTokens:
        return {"Give token ids instead: --tokens, or --ids of forward.", "Give token ids instead."};
    case Remedy::GiveTokensFromElsewhere:
        return {"Let its own program turn text into token ids, and give those: --tokens, or --ids of forward.",
                "Let its own program turn text into token ids, and give those."};
    case Remedy::ResumeOrElsewhere:
        return {"Use --resume to go on with it, or another --out.", "Resume it, or choose another folder."};
    case Remedy::Elsewhere:
        return {"Choose another --out.", "Choose another folder."};
    case Remedy::ResumeAsItWas:
        return {"Resume with the same experiment and the same --set, or choose another --out.",
                "Resume with the same experiment, or queue this one under another name."};
    case Remedy::ResumeLater:
        return {"Wait until it has ended or stop it, then use --resume; or choose another --out.",
                "Wait until it has ended or stop it, then resume this one; or choose another folder."};
    case Remedy::TrainAgain:
        return {"Restore it from a copy, or train the experiment again with --resume, which writes it anew and goes on "
                "with its runs.",
                "Restore it from a copy, or resume the experiment, which writes it anew and goes on with its runs."};
    }
    return {};
}

} // namespace

void writeFor(Reader reader) { g_reader = reader; }

std::string nameOf(Place place) { return said(of(place)); }

std::string wordsOf(Remedy remedy) { return said(of(remedy)); }

} // namespace sparsescope
