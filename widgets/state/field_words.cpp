#include "widgets/state/field_words.h"

#include "core/base/config.h"

#include <QHash>
#include <QRegularExpression>

namespace sparsescope {
namespace {

const QHash<QString, QString> &labels()
{
    static const QHash<QString, QString> all = [] {
        QHash<QString, QString> found;
        for (const FieldInfo &field : configFields()) {
            found.insert(QString::fromStdString(field.path), QString::fromStdString(field.label));
        }
        return found;
    }();
    return all;
}

} // namespace

QString inFieldWords(const Error &error)
{
    static const QRegularExpression path(QStringLiteral("[a-z][a-z0-9_]*(?:\\.[a-z][a-z0-9_]*)+"));
    const QString text = QString::fromStdString(error.text());
    QString result;
    qsizetype end = 0;
    for (const QRegularExpressionMatch &match : path.globalMatch(text)) {
        if (const auto label = labels().constFind(match.captured()); label != labels().constEnd()) {
            result += text.mid(end, match.capturedStart() - end) + QStringLiteral("“%1”").arg(*label);
            end = match.capturedEnd();
        }
    }
    return result + text.mid(end);
}

} // namespace sparsescope
