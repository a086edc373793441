#include "widgets/style/combo_box.h"

#include <QFrame>
#include <QHBoxLayout>
#include <QTest>

using namespace sparsescope;

class tst_ComboBox : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void isAsWideAsItsEntries();
    void aThousandEntriesMakeNoPopup();
};

void tst_ComboBox::isAsWideAsItsEntries()
{
    QComboBox plain;
    plain.setSizeAdjustPolicy(QComboBox::AdjustToContents);
    ComboBox fits;
    fits.fitContents();
    QCOMPARE(fits.sizeHint(), plain.sizeHint()); // empty
    const auto both = [&](const auto &act) {
        act(plain);
        act(fits);
        QCOMPARE(fits.sizeHint().height(), plain.sizeHint().height());
        // Qt's own takes the ink's box, which may be narrower than what the letters advance.
        QVERIFY2(std::abs(fits.sizeHint().width() - plain.sizeHint().width()) <= 4,
                 qPrintable(QStringLiteral("%1 %2").arg(fits.sizeHint().width()).arg(plain.sizeHint().width())));
    };
    both([](QComboBox &combo) { combo.addItems({QStringLiteral("DSA"), QStringLiteral("MHLA+DSA k32 s1")}); });
    both([](QComboBox &combo) { combo.addItem(QStringLiteral("A name that is longer than all before it")); });
    both([](QComboBox &combo) {
        combo.setItemText(0, QStringLiteral("And another one that is even longer than that"));
    });
    both([](QComboBox &combo) { combo.clear(); });
}

void tst_ComboBox::aThousandEntriesMakeNoPopup()
{
    QWidget window;
    auto *fits = new ComboBox;
    fits->fitContents();
    auto *row = new QHBoxLayout(&window);
    row->addWidget(fits);
    row->addStretch();
    window.resize(900, 60);
    window.show();
    for (int i = 0; i < 1000; ++i) {
        fits->addItem(QStringLiteral("DSA k32 s%1").arg(i));
    }
    QTest::qWait(60); // Qt's own would measure it now
    QVERIFY(fits->findChild<QFrame *>(QString(), Qt::FindDirectChildrenOnly) == nullptr);
    QCOMPARE(fits->width(), fits->sizeHint().width());
    const int narrow = fits->width();
    fits->addItem(QStringLiteral("MHLA+DSA k32 with a longer name than the others"));
    QTRY_VERIFY(fits->width() > narrow);
}

QTEST_MAIN(tst_ComboBox)
#include "tst_combo_box.moc"
