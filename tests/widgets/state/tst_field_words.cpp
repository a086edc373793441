#include "core/base/config.h"
#include "core/base/error.h"
#include "widgets/state/field_words.h"

#include <QtTest>

using namespace sparsescope;

namespace {

QString labelOf(const char *path)
{
    for (const FieldInfo &field : configFields()) {
        if (field.path == path) {
            return QStringLiteral("“%1”").arg(QString::fromStdString(field.label));
        }
    }
    return {};
}

} // namespace

/// Errors of the engine on a form.
class tst_FieldWords : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void fieldsGoByTheirLabels();
    void whatIsNoFieldStays();
};

void tst_FieldWords::fieldsGoByTheirLabels()
{
    const QString width = labelOf("model.d_model"), head = labelOf("model.head_dim");
    QVERIFY(!width.isEmpty() && !head.isEmpty());
    QCOMPARE(inFieldWords({"", "Heads", "2", "a divisor of model.d_model = 63", "Or give model.head_dim."}),
             QStringLiteral("Heads: got 2, allowed a divisor of %1 = 63. Or give %2.").arg(width, head));
    QCOMPARE(inFieldWords({"", "model.d_model", "0", "1 or more", ""}),
             width + QStringLiteral(": got 0, allowed 1 or more."));
}

void tst_FieldWords::whatIsNoFieldStays()
{
    const Error other{"no such file", "data/books.txt", "", "", "See model.d_modelling, or example.org."};
    QCOMPARE(inFieldWords(other), QString::fromStdString(other.text()));
}

QTEST_GUILESS_MAIN(tst_FieldWords)
#include "tst_field_words.moc"
