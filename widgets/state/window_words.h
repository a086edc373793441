#pragma once

#include <QString>

namespace sparsescope {

/// A message as a window says it. The engine's messages send people to options of the command line; a window has fields,
/// menus and buttons instead, and names those.
QString windowWords(QString message);

} // namespace sparsescope
