#include "widgets/style/tokens.h"

namespace sparsescope {

namespace {

QColor rgb(const char *name) { return QColor(QLatin1String(name)); }

Tokens makeLight()
{
    Tokens t;
    t.window = rgb("#F1F3F6");
    t.panel = rgb("#FFFFFF");
    t.alternate = rgb("#F7F8FA");
    t.field = rgb("#FFFFFF");
    t.border = rgb("#D3D8E0");
    t.grid = rgb("#E8EBF0");
    t.text = rgb("#1A1F27");
    t.text2 = rgb("#4A5361");
    t.hint = rgb("#626B79");
    t.accent = rgb("#0B63B8");
    t.onAccent = rgb("#FFFFFF");
    t.selection = rgb("#DCEBFA");
    t.selectionText = rgb("#0B58A6");
    t.hover = rgb("#EAF1F9");
    t.passed = rgb("#0B7A4B");
    t.passedTint = rgb("#E5F4EC");
    t.check = rgb("#835500");
    t.checkTint = rgb("#FFF2D9");
    t.failed = rgb("#B3261E");
    t.failedTint = rgb("#FCE8E6");
    t.infoTint = rgb("#E4F0FB");
    t.classic = rgb("#0072B2");
    t.dsa = rgb("#D55E00");
    t.mhla = rgb("#009E73");
    t.mhlaSparse = rgb("#8F3B6F");
    t.selectedNeeded = rgb("#00588F");
    t.selectedLittle = rgb("#4C9CD2");
    t.missed = rgb("#D55E00");
    t.futureSelected = rgb("#E6007E");
    t.future = rgb("#E4E7EC");
    t.futureLine = rgb("#D3D8E0");
    t.notSelected = rgb("#D3D8E0");
    t.stage = rgb("#EEF3FA");
    t.chance = rgb("#626B79");
    t.cursor = rgb("#1A1F27");
    t.heads = {rgb("#332288"), rgb("#2F8F80"), rgb("#85852A"), rgb("#882255")};
    t.dark = false;
    return t;
}

Tokens makeDark()
{
    Tokens t;
    t.window = rgb("#14171C");
    t.panel = rgb("#1C2026");
    t.alternate = rgb("#21262D");
    t.field = rgb("#14171C");
    t.border = rgb("#363D49");
    t.grid = rgb("#2A303A");
    t.text = rgb("#E8EBEF");
    t.text2 = rgb("#B4BCC8");
    t.hint = rgb("#929BA9");
    t.accent = rgb("#5AA9F5");
    t.onAccent = rgb("#0B1017");
    t.selection = rgb("#22405E");
    t.selectionText = rgb("#D2E7FF");
    t.hover = rgb("#29323D");
    t.passed = rgb("#4CC38A");
    t.passedTint = rgb("#173026");
    t.check = rgb("#E8B44A");
    t.checkTint = rgb("#382D15");
    t.failed = rgb("#FF8078");
    t.failedTint = rgb("#3D2021");
    t.infoTint = rgb("#1B2F45");
    t.classic = rgb("#56B4E9");
    t.dsa = rgb("#FF8B3D");
    t.mhla = rgb("#22A77F");
    t.mhlaSparse = rgb("#F0B6D8");
    t.selectedNeeded = rgb("#56B4E9");
    t.selectedLittle = rgb("#2F6F9E");
    t.missed = rgb("#FF8B3D");
    t.futureSelected = rgb("#FF4FA8");
    t.future = rgb("#2B313B");
    t.futureLine = rgb("#3B4350");
    t.notSelected = rgb("#4A525F");
    t.stage = rgb("#222B37");
    t.chance = rgb("#929BA9");
    t.cursor = rgb("#E8EBEF");
    t.heads = {rgb("#9C8CF5"), rgb("#44AA99"), rgb("#C2C255"), rgb("#CF3F63")};
    t.dark = true;
    return t;
}

} // namespace

const Tokens &tokens(Theme theme)
{
    static const Tokens light = makeLight();
    static const Tokens dark = makeDark();
    return theme == Theme::Dark ? dark : light;
}

QColor familyColour(Family family, const Tokens &tokens)
{
    switch (family) {
    case Family::Classic:
        return tokens.classic;
    case Family::Sparse:
        return tokens.dsa;
    case Family::Mhla:
        return tokens.mhla;
    case Family::MhlaSparse:
        return tokens.mhlaSparse;
    }
    return tokens.text2;
}

QColor sideColour(Family family, bool second, const Tokens &tokens)
{
    return second ? tokens.hint : familyColour(family, tokens);
}

Marker familyMarker(Family family)
{
    switch (family) {
    case Family::Classic:
        return Marker::Circle;
    case Family::Sparse:
        return Marker::Square;
    case Family::Mhla:
        return Marker::Diamond;
    case Family::MhlaSparse:
        return Marker::Triangle;
    }
    return Marker::Circle;
}

QColor stateColour(KeyState state, const Tokens &tokens)
{
    switch (state) {
    case KeyState::Neither:
        return {};
    case KeyState::SelectedNeeded:
        return tokens.selectedNeeded;
    case KeyState::SelectedLittle:
        return tokens.selectedLittle;
    case KeyState::Missed:
        return tokens.missed;
    case KeyState::Future:
        return tokens.future;
    case KeyState::FutureSelected:
        return tokens.futureSelected;
    }
    return {};
}

QString stateText(KeyState state)
{
    switch (state) {
    case KeyState::Neither:
        return QStringLiteral("Not selected");
    case KeyState::SelectedNeeded:
        return QStringLiteral("Selected, needed");
    case KeyState::SelectedLittle:
        return QStringLiteral("Selected, little weight");
    case KeyState::Missed:
        return QStringLiteral("Missed");
    case KeyState::Future:
        return QStringLiteral("Future");
    case KeyState::FutureSelected:
        return QStringLiteral("Future, selected");
    }
    return {};
}

QColor runStateColour(RunState state, const Tokens &tokens)
{
    switch (state) {
    case RunState::Queued:
        return tokens.text2;
    case RunState::Running:
        return tokens.accent;
    case RunState::Paused:
        return tokens.check;
    case RunState::Finished:
        return tokens.passed;
    case RunState::Stopped:
        return tokens.text2;
    case RunState::Failed:
        return tokens.failed;
    case RunState::Interrupted:
        return tokens.check;
    }
    return tokens.text2;
}

HeadStyle indexHeadStyle(int head, const Tokens &tokens)
{
    const int count = static_cast<int>(tokens.heads.size());
    return {tokens.heads[static_cast<std::size_t>(head % count)], head >= count};
}

} // namespace sparsescope
