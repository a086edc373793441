#pragma once

#include <string>

namespace sparsescope {

/// Who reads what the engine says: somebody at a terminal, who has options, or somebody at a window, who has fields and buttons.
enum class Reader { Terminal, Window };

/// Once, before anything is said; until then a terminal.
void writeFor(Reader reader);

/// What one typed or chose where something is wrong with it.
enum class Place { Text, Tokens, Layer, NewRun, Count, Temperature, Among, Device, Type, Out };

/// What a reader does about what went wrong, where a terminal and a window do it differently.
enum class Remedy {
    GiveTokens,
    GiveTokensFromElsewhere,
    ResumeOrElsewhere,
    Elsewhere,
    ResumeAsItWas,
    ResumeLater,
    TrainAgain
};

/// "--layer" in a terminal, "Layer" in a window.
std::string nameOf(Place place);
/// One sentence.
std::string wordsOf(Remedy remedy);

} // namespace sparsescope
