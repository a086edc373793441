#pragma once

namespace sparsescope {

/// What text and controls can be enlarged to, in percent.
inline constexpr int kTextSizes[] = {100, 125, 150, 200};

/// What a person chose, for the next window: one of kTextSizes.
int chosenTextSize();
void chooseTextSize(int percent);

/// Dots an inch that the desktop asks of text, after what Qt enlarges by itself; 96 is the usual. Before the application is
/// made: it starts one to ask.
double desktopTextDpi();

/// Before the application is made: enlarges all that it draws by what was chosen, and by what the desktop, or QT_FONT_DPI,
/// asks of text. Text is measured in pixels that the design fixes, so it grows with everything around it and is never cut.
void enlargeAsChosen(double desktopDpi);

} // namespace sparsescope
