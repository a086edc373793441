#pragma once

namespace sparsescope {

/// What text and controls can be enlarged to, in percent.
inline constexpr int kTextSizes[] = {100, 125, 150, 200};

/// What a person chose, for the next window: one of kTextSizes.
int chosenTextSize();
void chooseTextSize(int percent);

/// Before the application is made: enlarges all that it draws by what was chosen, and by what QT_FONT_DPI asks of text. Text
/// is measured in pixels that the design fixes, so it grows with everything around it and is never cut.
void enlargeAsChosen();

} // namespace sparsescope
