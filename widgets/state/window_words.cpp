#include "widgets/state/window_words.h"

#include <QRegularExpression>

#include <utility>

namespace sparsescope {

namespace {

/// What the window calls that which goes by an option there. The longer ones first: they hold the others.
constexpr std::pair<const char *, const char *> kWords[] = {
    {": --tokens, or --ids of forward", ""},
    {"Use --resume to go on with it, or another --out", "Resume it, or choose another folder"},
    {"Resume with the same experiment and the same --set, or choose another --out",
     "Resume with the same experiment, or queue this one under another name"},
    {"then use --resume; or choose another --out", "then resume this one; or choose another folder"},
    {"train the experiment again with --resume", "resume the experiment"},
    {"Choose another --out", "Choose another folder"},
    {"--text", "Text"},
    {"--tokens", "Token ids"},
    {"--layer", "Layer"},
    {"--run", "Folder"},
    {"--count", "New tokens"},
    {"--temperature", "Temperature"},
    {"--among", "Among"},
    {"--device", "Device"},
    {"--dtype", "Type of numbers"},
    {"--out", "Folder"},
};

/// An option where a path has none: behind a space, or at the beginning.
QRegularExpression optionOf(const QString &words)
{
    return QRegularExpression(QStringLiteral("(?<![\\w/.-])%1(?![\\w-])").arg(QRegularExpression::escape(words)));
}

} // namespace

QString windowWords(QString message)
{
    if (!message.contains(QLatin1String("--"))) {
        return message;
    }
    for (const auto &[option, words] : kWords) {
        const QString said = QString::fromLatin1(option), shown = QString::fromLatin1(words);
        if (said.startsWith(QLatin1String("--"))) {
            message.replace(optionOf(said), shown);
        } else {
            message.replace(said, shown);
        }
    }
    return message;
}

} // namespace sparsescope
