#include "widgets/style/fonts.h"

#include <QDir>
#include <QFontDatabase>
#include <QStringList>

// Outside any namespace: the macro declares the function that rcc wrote.
static void initFontResources()
{
    Q_INIT_RESOURCE(fonts); // the resource sits in a static library: nothing else would pull it in
}

namespace {

struct Families {
    QString ui, mono;
};

/// First of the bundled copy and the system's folders that holds the file.
void addFont(const QString &file, const QStringList &folders)
{
    for (const QString &folder : folders) {
        const QString path = folder + QLatin1Char('/') + file;
        if (QFile::exists(path) && QFontDatabase::addApplicationFont(path) >= 0) {
            return;
        }
    }
}

Families load()
{
    initFontResources();
    for (const char *style : {"Regular", "Medium", "SemiBold"}) {
        addFont(QStringLiteral("Inter-%1.otf").arg(QLatin1String(style)),
                {QStringLiteral(":/fonts"), QStringLiteral("/usr/share/fonts/opentype/inter")});
        addFont(QStringLiteral("JetBrainsMono-%1.ttf").arg(QLatin1String(style)),
                {QStringLiteral(":/fonts"), QStringLiteral("/usr/share/fonts/truetype/jetbrains-mono")});
    }
    const QStringList known = QFontDatabase::families();
    const auto firstOf = [&known](const char *wanted, const char *standIn) {
        const QString name = QLatin1String(wanted);
        return known.contains(name) ? name : QString(QLatin1String(standIn));
    };
    return {firstOf("Inter", "DejaVu Sans"), firstOf("JetBrains Mono", "DejaVu Sans Mono")};
}

const Families &families()
{
    static const Families loaded = load();
    return loaded;
}

QFont make(const QString &family, int pixels, QFont::Weight weight)
{
    QFont font(family);
    font.setPixelSize(pixels);
    font.setWeight(weight);
    return font;
}

} // namespace

namespace sparsescope {

void loadFonts() { families(); }

QString uiFontFamily() { return families().ui; }

QString monoFontFamily() { return families().mono; }

QFont uiFont(int pixels, QFont::Weight weight) { return make(uiFontFamily(), pixels, weight); }

QFont monoFont(int pixels, QFont::Weight weight)
{
    QFont font = make(monoFontFamily(), pixels, weight);
    font.setStyleHint(QFont::Monospace);
    return font;
}

} // namespace sparsescope
